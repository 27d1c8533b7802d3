import Configuration
import Foundation
import Testing

/// `swiftlet vmm`, and `swiftlet` by the name of Cloud Hypervisor: what they hand to the server.
@Suite struct APICommandTests {
    private let installation: TestInstallation

    init() throws {
        installation = try TestInstallation()
        let install = """
            cp swiftlet-vmm swiftlet-api && ln -s swiftlet cloud-hypervisor
            """
        let outcome = try installation.run(["sh", "-c", install])
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    private func run(_ program: String, _ arguments: String...) throws -> TestInstallation.Outcome {
        try installation.run([installation.directory + "/" + program] + arguments)
    }

    private func request(_ outcome: TestInstallation.Outcome) throws -> APIServerRequest {
        try #require(outcome.status == 0, "\(outcome.errors)")
        let arguments = outcome.output.split(separator: "\0").compactMap { line in
            line.hasPrefix("argument ") ? String(line.dropFirst("argument ".count)) : nil
        }
        return try APIServerRequest(arguments: arguments)
    }

    @Test func theServerIsToldEverything() throws {
        let outcome = try run(
            "swiftlet", "vmm", "--api-socket", "path=/run/a b.sock", "--qmp", "unix:/run/q", "--qmp", "unix:/run/r",
            "--log-file", "/tmp/log", "-v")
        let expected = APIServerRequest(
            socket: "/run/a b.sock",
            qmp: [try SocketPath(qmpOptionText: "unix:/run/q"), try SocketPath(qmpOptionText: "unix:/run/r")],
            logFile: "/tmp/log", logLevel: .debug, logFormat: .text)
        #expect(try request(outcome) == expected)
    }

    @Test func theLogIsAsForMachines() throws {
        let outcome = try run(
            "swiftlet", "vmm", "--api-socket", "/run/a", "--log-level", "error", "--log-format", "json")
        #expect(
            try request(outcome) == APIServerRequest(socket: "/run/a", logLevel: .error, logFormat: .json))
        let wrong = try run("swiftlet", "vmm", "--api-socket", "/run/a", "--log-level", "loud")
        #expect(wrong.status == 64)
        #expect(wrong.errors.contains("--log-level loud: not one of debug, info, warning and error"))
    }

    @Test func theOtherProgramsOptionsAreTaken() throws {
        let outcome = try run(
            "cloud-hypervisor", "-vv", "--api-socket", "/run/a.sock", "--seccomp", "false", "--event-monitor",
            "path=/tmp/events")
        let expected = APIServerRequest(
            socket: "/run/a.sock", logLevel: .debug,
            optionsWithoutEffect: ["--seccomp false", "--event-monitor path=/tmp/events"])
        #expect(try request(outcome) == expected)
    }

    @Test func theVersionIsOneThatProgramsRead() throws {
        let outcome = try run("cloud-hypervisor", "--version")
        #expect(outcome.status == 0)
        #expect(outcome.output == "cloud-hypervisor v\(APIServerRequest.dialectVersion) (Swiftlet)\n")
    }

    @Test(arguments: [
        (["cloud-hypervisor", "--kernel", "/k"], "--kernel: not here: describe the VM to vm.create"),
        (["cloud-hypervisor", "--memory=size=1G"], "--memory: not here: "),
        (["cloud-hypervisor", "--api-socket", "fd=3"], "--api-socket fd=3: a socket can't be handed over"),
        (["cloud-hypervisor"], "missing expected argument '--api-socket <path>'"),
        (["swiftlet", "vmm", "--api-socket", ""], "--api-socket: no path is given"),
        (
            ["swiftlet", "vmm", "--api-socket", String(repeating: "x", count: 104)],
            "the path has 104 bytes; 103 is the most"
        ),
        (["swiftlet", "vmm", "--api-socket", "/a", "--qmp", "/b"], "--qmp /b: not unix:PATH"),
        (["swiftlet", "run", "--end-with", "fd=0"], "--end-with fd=0: no pipe is open there"),
        (["swiftlet", "run", "--end-with", "3"], "--end-with 3: \"3\" is not of the form key=value"),
    ])
    func whatCantBeIsRefused(command: [String], message: String) throws {
        let outcome = try installation.run([installation.directory + "/" + command[0]] + command.dropFirst())
        #expect(outcome.status == 64)
        #expect(outcome.errors.hasPrefix("swiftlet: ") && outcome.errors.contains(message), "\(outcome.errors)")
    }
}
