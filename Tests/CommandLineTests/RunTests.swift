import Configuration
import Control
import Foundation
import Testing

/// Tests that reach the point where `/dev/kvm` must open.
private let hasKVM = access("/dev/kvm", R_OK | W_OK) == 0

@Suite(.enabled(if: hasKVM, "/dev/kvm does not open here"))
struct RunTests {
    private let installation: TestInstallation

    init() throws {
        installation = try TestInstallation()
    }

    @Test func handsTheWholeMachineOver() throws {
        let kernel = try installation.makeKernel()
        let initrd = try installation.write("initrd", [UInt8](repeating: 1, count: 5000))
        let outcome = try installation.swiftlet(
            "run", "--kernel", kernel, "--initrd", "initrd", "--name", "a, b=c", "--cmdline", "-x  y\nz",
            "--cpus", "4,sockets=2", "--numa", "node=0,cpus=0-1,memory=2G", "--numa", "node=1,cpus=2-3,memory=2G",
            "--numa", "node=2", "--virtio-mem", "id=vm0,size=8G,node=2,requested-size=128M",
            "--virtio-mem", "id=vm1,size=1G", "--serial", "file:console.log", "--monitor", "unix:mon.sock",
            "--on-reboot", "exit")
        #expect(outcome.status == 0)
        #expect(outcome.errors == "")
        let request = try #require(outcome.request)
        var machine = MachineConfiguration(
            name: "a, b=c", processors: ProcessorTopology(count: 4, sockets: 2, cores: 2, threads: 1),
            memory: .gibibytes(4),
            nodes: [
                NUMANode(id: 0, processors: [0, 1], memory: .gibibytes(2)),
                NUMANode(id: 1, processors: [2, 3], memory: .gibibytes(2)), NUMANode(id: 2),
            ],
            onReboot: .exit)
        machine.memoryDevices = [
            MemoryDevice(id: "vm0", size: .gibibytes(8), node: 2, requestedSize: .mebibytes(128)),
            MemoryDevice(id: "vm1", size: .gibibytes(1)),
        ]
        machine.commandLine += " -x  y\nz"
        // A machine that has a name has a directory, and sockets there: one leads to its guest's agent.
        let directory = installation.directory + "/run/swiftlet/a, b=c"
        let vsock = try #require(request.machine.vsock?.descriptor)
        machine.vsock = Vsock(cid: 3, path: directory + "/vsock", descriptor: vsock)
        #expect(request.machine == machine)
        #expect(request.kernel.layout.entry == 0x100_0000)
        #expect(request.initialRAMDisk?.size == 5000)
        guard case .descriptor(let serial, "console.log") = request.serial,
            case .listener(let listener) = request.monitor, listener.path == installation.directory + "/mon.sock"
        else {
            Issue.record("\(request.serial), \(request.monitor)")
            return
        }
        // What was opened, and nothing else, goes along.
        let descriptors = outcome.descriptors
        #expect(descriptors.count == 8)
        #expect(descriptors["\(vsock)"]?.hasPrefix("socket:") == true)
        #expect(descriptors["\(request.kernel.descriptor)"] == kernel)
        #expect(descriptors["\(request.initialRAMDisk?.descriptor ?? -1)"] == initrd)
        #expect(descriptors["\(serial)"] == installation.directory + "/console.log")
        #expect(descriptors["\(listener.descriptor)"]?.hasPrefix("socket:") == true)
        #expect(FileManager.default.fileExists(atPath: installation.directory + "/mon.sock"))
        #expect(request.runDirectory?.path == directory)
        #expect(descriptors["\(request.runDirectory?.descriptor ?? -1)"] == directory + "/pid")
        #expect(request.qmp.map(\.path) == [directory + "/qmp"])
        #expect(descriptors["\(request.qmp.first?.descriptor ?? -1)"]?.hasPrefix("socket:") == true)
        // It logs there, too, and more than a person is shown.
        let log = try #require(request.logs.last)
        #expect(descriptors["\(log.descriptor)"] == directory + "/log")
        #expect(
            request.logs == [.standardError, LogDestination(descriptor: log.descriptor, level: .info, format: .text)])
    }

    @Test func aFileHasTheOptionsThatAreNotGiven() throws {
        let kernel = try installation.makeKernel()
        let text = "kernel: \(kernel)\ncpus: 2\nmemory: 1G\nvirtio-mem:\n  - {id: vm0, size: 1G}\nmonitor: unix:m\n"
        try installation.write("web.yaml", Array(text.utf8))
        let outcome = try installation.swiftlet("run", "--config", "web.yaml", "--memory", "2G", "--log-level=debug")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let request = try #require(outcome.request)
        #expect(request.machine.processors.count == 2)
        #expect(request.machine.memory == .gibibytes(2))
        #expect(request.machine.memoryDevices == [MemoryDevice(id: "vm0", size: .gibibytes(1))])
        #expect(request.logs == [LogDestination(descriptor: 2, level: .debug, format: .text)])

        try installation.write("bad.yaml", Array("cpus: 2\nmemroy: 1G\n".utf8))
        let bad = try installation.swiftlet("run", "--config=bad.yaml")
        #expect(bad.status == 64)
        #expect(
            bad.errors.hasPrefix("swiftlet: --config bad.yaml: line 2: no option is called \"memroy\"; there are"),
            "\(bad.errors)")
        let missing = try installation.swiftlet("run", "--config", "none.yaml")
        #expect(missing.status == 1)
        #expect(missing.errors == "swiftlet: --config none.yaml: cannot be read: No such file or directory\n")
    }

    /// What has a name in a configuration file is what `run` takes.
    @Test func aFileCanHaveEveryOption() throws {
        let help = try installation.swiftlet("run", "--help").output
        let start = try #require(help.range(of: "\nOPTIONS:")?.upperBound)
        let options = help[start...].split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("  --") else { return nil }
            return String(line.dropFirst(4).prefix { $0 != " " })
        }
        #expect(Set(options).subtracting(["config", "version", "end-with"]) == Set(RunOption.all.map(\.name)))
    }

    @Test func filesOfMemoryAreOpenedAndHandedOver() throws {
        let kernel = try installation.makeKernel()
        let outcome = try installation.swiftlet(
            "run", "--kernel", kernel, "--memory", "size=64M,backend=file,path=.",
            "--virtio-mem", "id=vm0,size=1G,backend=file,path=vm0, memory", "--virtio-mem",
            "id=vm1,size=1G,backend=memfd")
        #expect(outcome.status == 0)
        let machine = try #require(outcome.request).machine
        #expect(machine.memory == .mebibytes(64) && machine.memoryBackend.path == ".")
        #expect(machine.memoryDevices[0].backend.path == "vm0, memory")
        #expect(machine.memoryDevices[1].backend == MemoryBackend(.memfd))
        let descriptors = outcome.descriptors
        #expect(descriptors.count == 3)
        let (boot, device) = (machine.memoryBackend.descriptor ?? -1, machine.memoryDevices[0].backend.descriptor ?? -1)
        #expect(descriptors["\(boot)"]?.hasSuffix(" (deleted)") == true)
        #expect(descriptors["\(device)"] == installation.directory + "/vm0, memory")
    }

    @Test func filesThatCannotBackMemoryAreRefused() throws {
        let kernel = try installation.makeKernel()
        try installation.write("data", Array("text".utf8))
        func refusal(_ backend: String) throws -> String {
            let outcome = try installation.swiftlet(
                "run", "--kernel", kernel, "--virtio-mem", "id=vm0,size=1G,\(backend)", "--serial", "file:log")
            #expect(outcome.status == 1)
            return outcome.errors
        }
        let option = "swiftlet: --virtio-mem vm0: path"
        #expect(
            try refusal("backend=file,path=data")
                == "\(option) data: the file holds data, which would be lost: remove it, or give another path (a machine"
                + " that was killed leaves its file behind)\n")
        #expect(
            FileManager.default.contents(atPath: installation.directory + "/data") == Data("text".utf8))
        #expect(
            try refusal("backend=file,path=no/dir") == "\(option) no/dir: cannot be opened: No such file or directory\n"
        )
        #expect(
            try refusal("backend=file,path=/dev/null")
                == "\(option) /dev/null: neither a directory nor a regular file\n")
        #expect(try refusal("backend=hugetlbfs,path=.").hasPrefix("\(option) .: not on a hugetlbfs mount: "))
        // One file is not for two devices.
        let twice = try installation.swiftlet(
            "run", "--kernel", kernel, "--memory", "size=64M,backend=file,path=ram",
            "--virtio-mem", "id=vm0,size=1G,backend=file,path=ram")
        #expect(twice.status == 1)
        #expect(twice.errors == "\(option) ram: another machine's memory is in this file: give another path\n")
        #expect(!FileManager.default.fileExists(atPath: installation.directory + "/log"))
    }

    @Test func aDiskThatIsTooSmallIsTold() throws {
        let kernel = try installation.makeKernel()
        let warned = try installation.swiftlet(
            "run", "--kernel", kernel, "--virtio-mem", "id=vm0,size=128G,backend=file,path=/dev/shm")
        #expect(warned.status == 0)
        #expect(
            warned.errors.hasPrefix("swiftlet: warning: --virtio-mem vm0: path /dev/shm: the file system has room for ")
        )
        let refused = try installation.swiftlet(
            "run", "--kernel", kernel, "--virtio-mem", "id=vm0,size=128G,backend=file,reserve=on,path=/dev/shm")
        #expect(refused.status == 1)
        #expect(
            refused.errors.hasPrefix("swiftlet: --virtio-mem vm0: reserve=on: path /dev/shm: the file system has room"))
    }

    @Test func theDefaultsAreTheMachinesOwn() throws {
        let outcome = try installation.swiftlet("run", "--kernel", try installation.makeKernel())
        #expect(outcome.status == 0)
        let request = try #require(outcome.request)
        #expect(request.machine == MachineConfiguration())
        #expect(request.serial == .stdio)
        #expect(request.monitor == .none)
        #expect(request.initialRAMDisk == nil)
        #expect(outcome.descriptors.count == 1)
    }

    @Test func descriptorsOfTheCallerDoNotGoAlong() throws {
        let kernel = try installation.makeKernel()
        let outcome = try installation.run([
            "sh", "-c", "exec \(installation.directory)/swiftlet run --kernel \(kernel) 3</dev/null 7</dev/null",
        ])
        #expect(outcome.status == 0)
        #expect(Array(outcome.descriptors.values) == [kernel])
    }

    @Test func closedStandardDescriptorsAreNotGivenToFiles() throws {
        let kernel = try installation.makeKernel()
        let outcome = try installation.run([
            "sh", "-c", "exec \(installation.directory)/swiftlet run --kernel \(kernel) 0<&- 2>&-",
        ])
        #expect(outcome.status == 0)
        #expect((outcome.request?.kernel.descriptor ?? 0) > 2)
    }

    @Test func aPseudoTerminalIsMadeAndNamed() throws {
        let kernel = try installation.makeKernel()
        let outcome = try installation.swiftlet("run", "--kernel", kernel, "--serial", "pty")
        let request = try #require(outcome.request)
        guard case .descriptor(let number, let name) = request.serial else {
            Issue.record("\(request.serial)")
            return
        }
        #expect(outcome.errors == "serial: \(name)\n")
        #expect(name.hasPrefix("/dev/pts/"))
        #expect(outcome.descriptors["\(number)"]?.hasSuffix("/ptmx") == true)
        #expect(outcome.descriptors.count == 2)
    }

    @Test func aConsoleIsOpenedAsASerialPortIs() throws {
        let kernel = try installation.makeKernel()
        let alone = try #require(try installation.swiftlet("run", "--kernel", kernel, "--console", "stdio").request)
        #expect(alone.machine.hasConsole && alone.console == .stdio && alone.serial == .null)
        let outcome = try installation.swiftlet("run", "--kernel", kernel, "--console", "pty")
        let request = try #require(outcome.request)
        guard case .descriptor(let number, let name) = request.console else {
            Issue.record("\(request.console)")
            return
        }
        #expect(request.serial == .stdio)
        #expect(outcome.errors == "console: \(name)\n")
        #expect(outcome.descriptors["\(number)"]?.hasSuffix("/ptmx") == true)
        let both = try installation.swiftlet(
            "run", "--kernel", kernel, "--console", "unix:hvc0", "--serial", "unix:ttyS0")
        guard case .listener(let console) = both.request?.console, case .listener(let serial) = both.request?.serial
        else {
            Issue.record("\(both.errors)")
            return
        }
        #expect(console.path == installation.directory + "/hvc0")
        #expect(serial.path == installation.directory + "/ttyS0")
        let twice = try installation.swiftlet("run", "--kernel", kernel, "--console", "unix:a", "--monitor", "unix:a")
        #expect(twice.status == 1)
        #expect(twice.errors.hasPrefix("swiftlet: --monitor unix:a: "))
        #expect(!FileManager.default.fileExists(atPath: installation.directory + "/a"))
    }

    /// It is the VMM that begins the log anew, when nothing can be refused any more.
    @Test func aLogFileKeepsWhatItHoldsUntilTheGuestStarts() throws {
        let kernel = try installation.makeKernel()
        let log = try installation.write("log", Array("old".utf8))
        let outcome = try installation.swiftlet("run", "--kernel", kernel, "--serial", "file:log")
        #expect(outcome.status == 0)
        let refused = try installation.swiftlet(
            "run", "--kernel", kernel, "--serial", "file:log", "--monitor", "unix:no/dir")
        #expect(refused.status == 1)
        #expect(FileManager.default.contents(atPath: log) == Data("old".utf8))
    }

    @Test func aGuestsOwnKernelIsNoLogFile() throws {
        let kernel = try installation.makeKernel()
        let before = FileManager.default.contents(atPath: kernel)
        let outcome = try installation.swiftlet("run", "--kernel", kernel, "--serial", "file:\(kernel)")
        #expect(outcome.status == 1)
        #expect(
            outcome.errors
                == "swiftlet: --serial file:\(kernel): the guest boots from this file; give another one\n")
        #expect(FileManager.default.contents(atPath: kernel) == before)
    }

    @Test func theCommandLineCanBeVerboseOrEmpty() throws {
        let kernel = try installation.makeKernel()
        let verbose = try installation.swiftlet("run", "--kernel", kernel, "--verbose-boot", "--cmdline", "a b")
        #expect(
            verbose.request?.machine.commandLine == KernelCommandLine(isVerbose: true, addition: "a b").text)
        let bare = try installation.swiftlet("run", "--kernel", kernel, "--no-default-cmdline", "--cmdline", "a")
        #expect(bare.request?.machine.commandLine == "a")
        let empty = try installation.swiftlet("run", "--kernel", kernel, "--no-default-cmdline")
        #expect(empty.request?.machine.commandLine == "")
    }

    @Test func withoutAKernelTheGuestThatWasBuiltIsUsed() throws {
        let kernel = try installation.makeKernel()
        let guest = installation.directory + "/cache/guest/default"
        try FileManager.default.createDirectory(atPath: guest, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: kernel, toPath: guest + "/vmlinuz")
        try installation.write("cache/guest/default/initrd", [1, 2, 3])
        let outcome = try installation.swiftlet("run")
        #expect(Set(outcome.descriptors.values) == [guest + "/vmlinuz", guest + "/initrd"])
        let own = try installation.write("own", [1])
        #expect(try installation.swiftlet("run", "--initrd", "own").descriptors.values.contains(own))
    }

    @Test func oddSizesGiveAWarning() throws {
        let outcome = try installation.swiftlet(
            "run", "--kernel", try installation.makeKernel(),
            "--virtio-mem", "id=vm1,size=8G,requested-size=80M")
        #expect(outcome.status == 0)
        #expect(outcome.errors.hasPrefix("swiftlet: warning: --virtio-mem vm1: requested-size 80M is not a multiple"))
    }

    /// Like all that a machine's log has.
    @Test func warningsGoWhereTheLogGoes() throws {
        let kernel = try installation.makeKernel()
        let device = "id=vm1,size=8G,requested-size=80M"
        let quiet = try installation.swiftlet("run", "--kernel", kernel, "--virtio-mem", device, "--log-level", "error")
        #expect(quiet.status == 0 && quiet.errors.isEmpty, "\(quiet.errors)")
        let json = try installation.swiftlet(
            "run", "--kernel", kernel, "--virtio-mem", device, "--log-format", "json", "--log-file", "log")
        #expect(json.status == 0 && json.errors.isEmpty, "\(json.errors)")
        let data = FileManager.default.contents(atPath: installation.directory + "/log") ?? Data()
        let log = String(decoding: data, as: UTF8.self)
        #expect(log.contains(#""level": "warning""#) && log.contains("requested-size 80M is not a multiple"), "\(log)")
    }

    @Test func aMonitorSocketOfSomebodyElseIsRefused() throws {
        let kernel = try installation.makeKernel()
        func attempt() throws -> TestInstallation.Outcome {
            try installation.swiftlet("run", "--kernel", kernel, "--monitor", "unix:mon.sock")
        }
        // The stand-in leaves the socket behind, as a killed process would.
        #expect(try attempt().status == 0)
        let again = try attempt()
        #expect(again.status == 0, "\(again.errors)")
        try FileManager.default.removeItem(atPath: installation.directory + "/mon.sock")
        let listener = try Listener(path: installation.directory + "/mon.sock")
        let live = try attempt()
        #expect(live.status == 1)
        #expect(
            live.errors == "swiftlet: --monitor unix:mon.sock: a process listens there already; give another path\n")
        withExtendedLifetime(listener) {}
        let file = try installation.swiftlet("run", "--kernel", kernel, "--monitor", "unix:vmlinux")
        #expect(file.status == 1)
        #expect(file.errors == "swiftlet: --monitor unix:vmlinux: the path exists already, and is no socket\n")
        let nowhere = try installation.swiftlet("run", "--kernel", kernel, "--monitor", "unix:no/dir")
        #expect(nowhere.errors == "swiftlet: --monitor unix:no/dir: cannot be made: No such file or directory\n")
    }

    @Test func programsHaveASocketToTheGuest() throws {
        let kernel = try installation.makeKernel()
        func attempt(_ path: String) throws -> TestInstallation.Outcome {
            try installation.swiftlet("run", "--kernel", kernel, "--vsock", "cid=3,socket=\(path)")
        }
        let outcome = try attempt("vm.vsock")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let request = try #require(outcome.request)
        let vsock = try #require(request.machine.vsock)
        #expect(vsock.cid == 3 && vsock.path == installation.directory + "/vm.vsock")
        #expect(outcome.descriptors["\(vsock.descriptor ?? -1)"]?.hasPrefix("socket:") == true)
        // A machine's file has it, too.
        let named = try installation.swiftlet(
            "run", "--kernel", kernel, "--name", "v", "--vsock", "cid=4,socket=named.vsock")
        #expect(named.status == 0, "\(named.errors)")
        let file = installation.directory + "/run/swiftlet/v/config.json"
        let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
        #expect(text.contains("{\"cid\": \"4\", \"socket\": \"\(installation.directory)/named.vsock\"}"), "\(text)")
        // What the stand-in leaves behind, as a killed process would, makes way.
        #expect(try attempt("vm.vsock").status == 0)
        try FileManager.default.removeItem(atPath: installation.directory + "/vm.vsock")
        let listener = try Listener(path: installation.directory + "/vm.vsock")
        let option = "swiftlet: --vsock socket="
        #expect(
            try attempt("vm.vsock").errors == option + "vm.vsock: a process listens there already; give another path\n")
        withExtendedLifetime(listener) {}
        #expect(try attempt("vmlinux").errors == option + "vmlinux: the path exists already, and is no socket\n")
        #expect(try attempt("no/dir").errors == option + "no/dir: cannot be made: No such file or directory\n")
        // From the root the path is longer.
        let long = String(repeating: "x", count: 96)
        #expect(try attempt(long).status == 64)
        #expect(!FileManager.default.fileExists(atPath: installation.directory + "/" + long))
    }

    @Test func aLogFileThatCannotBeWrittenIsRefused() throws {
        let outcome = try installation.swiftlet(
            "run", "--kernel", try installation.makeKernel(), "--serial", "file:no/dir")
        #expect(outcome.status == 1)
        #expect(outcome.errors == "swiftlet: --serial file:no/dir: cannot be written: No such file or directory\n")
    }

    /// It is not waited for until somebody does.
    @Test(.timeLimit(.minutes(1))) func aPipeThatNobodyReadsIsRefused() throws {
        let pipe = installation.directory + "/pipe"
        #expect(mkfifo(pipe, 0o600) == 0)
        let kernel = try installation.makeKernel()
        for (option, value) in [("--serial", "file:\(pipe)"), ("--console", "file:\(pipe)"), ("--log-file", pipe)] {
            let outcome = try installation.swiftlet("run", "--kernel", kernel, option, value)
            #expect(outcome.status == 1)
            #expect(outcome.errors == "swiftlet: \(option) \(value): cannot be written: nobody reads from it\n")
        }
    }

    @Test func aVMMThatCannotBeStartedLeavesNoSocketBehind() throws {
        let vmm = installation.directory + "/swiftlet-vmm"
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: vmm)
        let outcome = try installation.swiftlet(
            "run", "--kernel", try installation.makeKernel(), "--monitor", "unix:mon.sock")
        #expect(outcome.status == 1)
        #expect(outcome.errors == "swiftlet: exec \(vmm): Permission denied\n")
        #expect(!FileManager.default.fileExists(atPath: installation.directory + "/mon.sock"))
    }
}

/// A Unix socket that listens, closed with this object.
private final class Listener {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0 && listen(descriptor, 1) == 0)
    }

    deinit {
        close(descriptor)
    }
}
