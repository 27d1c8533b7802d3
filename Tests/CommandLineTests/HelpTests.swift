import Configuration
import QMPProtocol
import Testing

@Suite struct HelpTests {
    private let installation: TestInstallation

    init() throws {
        installation = try TestInstallation()
    }

    @Test(arguments: [
        ["--help"], ["run", "--help"], ["doctor", "--help"], ["help", "run"], ["list", "--help"], ["info", "--help"],
        ["top", "--help"], ["resize", "--help"], ["monitor", "--help"], ["events", "--help"], ["pause", "--help"],
        ["resume", "--help"], ["reset", "--help"], ["stop", "--help"], ["kill", "--help"],
        ["vmm", "--help"],
    ])
    func helpIsEverywhereAndHasExamples(arguments: [String]) throws {
        let outcome = try installation.run([installation.directory + "/swiftlet"] + arguments)
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        let beginnings = ["EXAMPLES:\n  swiftlet ", "EXAMPLE:\n  swiftlet "]
        #expect(beginnings.contains { outcome.output.contains($0) })
    }

    @Test func helpExplainsTheDefaultCommandLine() throws {
        let help = try installation.swiftlet("run", "--help").output
        for word in KernelCommandLine.defaults {
            #expect(help.contains("\n  \(word.text)\n      \(word.explanation)\n"))
        }
    }

    @Test func helpNamesEveryOption() throws {
        let help = try installation.swiftlet("run", "--help").output
        for option in [
            "kernel", "initrd", "cmdline", "no-default-cmdline", "verbose-boot", "name", "cpus", "memory", "numa",
            "virtio-mem", "vsock", "balloon", "serial", "console", "monitor", "qmp", "end-with", "on-reboot",
            "resize-stall",
        ] {
            #expect(help.contains("\n  --\(option) "))
        }
    }

    @Test func theVersionIsTold() throws {
        let outcome = try installation.swiftlet("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output == "swiftlet \(QMPVersion.swiftlet)\n")
    }

    @Test func helpNamesEveryKey() throws {
        let help = try installation.swiftlet("run", "--help").output
        let text = "id=a,size=8G,nonsense=1"
        let error = #expect(throws: ConfigurationError.self) { try MemoryDevice(optionText: text) }
        let keys = try #require(error?.problem.split(separator: "the keys are ").last).split(separator: ", ")
        #expect(keys.count == 18)
        for key in keys {
            #expect(help.contains("\(key)="), "\(key)")
        }
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func shellsCanCompleteIt(shell: String) throws {
        let outcome = try installation.swiftlet("--generate-completion-script", shell)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("virtio-mem"))
    }
}
