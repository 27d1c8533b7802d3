import Configuration
import KernelLayout
import Testing

@Suite struct LaunchRequestTests {
    private let small = LaunchRequest(
        machine: MachineConfiguration(commandLine: "quiet"),
        kernel: LaunchRequest.Kernel(
            descriptor: 5,
            layout: KernelLayout(
                entry: 0x100_0000,
                segments: [.init(fileOffset: 0x20_0000, fileSize: 0x1000, address: 0x100_0000, memorySize: 0x2000)])))

    @Test func theArgumentsAreReadable() {
        var request = small
        request.machine.nodes = [NUMANode(id: 0, processors: [0], memory: 512 << 20)]
        request.machine.memoryDevices = [MemoryDevice(id: "vm0", size: 8 << 30, requestedSize: 128 << 20)]
        request.initialRAMDisk = LaunchRequest.InitialRAMDisk(descriptor: 6, size: 1_048_577)
        request.serial = .descriptor(7, name: "/dev/pts/3")
        request.machine.balloon = Balloon(size: 64 << 20, deflatesOnOutOfMemory: true, reportsFreePages: true)
        request.machine.hasConsole = true
        request.console = .listener(.init(descriptor: 14, path: "/run/hvc0,a=b"))
        request.monitor = .listener(.init(descriptor: 8, path: "/run/a b.sock"))
        request.qmp = [.init(descriptor: 9, path: "/run/qmp"), .init(descriptor: 10, path: "/run/c,d")]
        request.runDirectory = .init(descriptor: 11, path: "/run/swiftlet/a b")
        request.logs = [.standardError, LogDestination(descriptor: 12, level: .info, format: .json)]
        request.endWith = 13
        #expect(
            request.arguments() == [
                "--name", "swiftlet", "--cpus", "1,sockets=1,cores=1,threads=1", "--memory", "512M",
                "--on-reboot", "reset", "--numa", "node=0,cpus=0,memory=512M",
                "--virtio-mem", "id=vm0,size=8G,node=0,requested-size=128M,block-size=2M",
                "--balloon", "size=64M,deflate-on-oom=on,free-page-reporting=on",
                "--kernel", "fd=5,entry=0x1000000,segment=0x200000:0x1000:0x1000000:0x2000",
                "--initrd", "fd=6,size=1048577", "--serial", "fd=7,name=/dev/pts/3",
                "--console", "fd=14,path=/run/hvc0,a=b",
                "--monitor", "fd=8,path=/run/a b.sock",
                "--qmp", "fd=9,path=/run/qmp", "--qmp", "fd=10,path=/run/c,d",
                "--run-directory", "fd=11,path=/run/swiftlet/a b", "--log", "fd=2,level=warning,format=plain", "--log",
                "fd=12,level=info,format=json", "--end-with", "fd=13", "--cmdline", "quiet",
            ])
    }

    @Test func backendsTravelWithTheirDescriptors() throws {
        var request = small
        request.machine.memoryBackend = MemoryBackend(.file, path: "/a,fd=9,share=off", descriptor: 7)
        request.machine.resizeStall = 1500
        request.machine.memoryDevices = [
            MemoryDevice(
                id: "vm0", size: 8 << 30, slotSize: 1 << 30,
                backend: MemoryBackend(.hugetlbfs, path: "/mnt/huge", descriptor: 8, hugePageSize: .oneGibibyte))
        ]
        let arguments = request.arguments()
        #expect(
            Array(arguments[4..<12]) == [
                "--memory", "size=512M,backend=file,fd=7,path=/a,fd=9,share=off", "--on-reboot", "reset",
                "--resize-stall", "1500ms", "--virtio-mem",
                "id=vm0,size=8G,node=0,requested-size=0,block-size=1G,slot-size=1G,backend=hugetlbfs,hugepages=1G"
                    + ",fd=8,path=/mnt/huge",
            ])
        #expect(try LaunchRequest(arguments: arguments) == request)
    }

    @Test func whatIsLeftOutHasDefaults() throws {
        let request = try LaunchRequest(arguments: ["--kernel", "fd=3,entry=0x0"])
        #expect(request.machine == MachineConfiguration())
        #expect(request.serial == .stdio && request.monitor == .none && request.initialRAMDisk == nil)
        #expect(request.console == .null && !request.machine.hasConsole)
    }

    @Test(arguments: [
        ([], "--kernel: missing"),
        (["--kernel"], "--kernel: needs a value"),
        (["--name", "a", "--name", "b"], "--name: given twice"),
        (["--kernel", "fd=3"], "--kernel fd=3: \"entry\" is missing; the keys are fd, entry, segment"),
        (["--kernel", "entry=0x0"], "--kernel entry=0x0: \"fd\" is missing; the keys are fd, entry, segment"),
        (["--kernel", "fd=-3,entry=0x0"], "--kernel fd=-3,entry=0x0: fd \"-3\" is not a number from 0 to 2147483647"),
        (["--kernel", "fd=3,entry=12"], "--kernel fd=3,entry=12: \"12\" is not a number such as 0x1000"),
        (
            ["--kernel", "fd=3,entry=0x0,segment=0x0"],
            "--kernel fd=3,entry=0x0,segment=0x0: segment \"0x0\" is not OFFSET:FILE-SIZE:ADDRESS:MEMORY-SIZE"
        ),
        (
            ["--kernel", "fd=3,entry=0x0", "--serial", "pty"],
            "--serial pty: \"pty\" is not of the form key=value; the keys are fd, name"
        ),
        (
            ["--kernel", "fd=3,entry=0x0", "--console", "pty"],
            "--console pty: \"pty\" is not of the form key=value; the keys are fd, name"
        ),
        (
            ["--kernel", "fd=3,entry=0x0", "--monitor", "fd=3"],
            "--monitor fd=3: \"path\" is missing; the keys are fd, path"
        ),
    ])
    func mistakes(arguments: [String], message: String) {
        #expect(mistake { _ = try LaunchRequest(arguments: arguments) } == message)
    }

    @Test func anUnknownOptionIsAnError() {
        let message = mistake { _ = try LaunchRequest(arguments: ["--floppy", "x"]) }
        #expect(message?.hasPrefix("--floppy: unknown option; they are --name, --cpus,") == true)
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let request = Self.request(using: &random)
            let copy = try LaunchRequest(arguments: request.arguments())
            #expect(copy == request)
            // Swift calls strings equal that differ in their bytes.
            #expect(Array(copy.machine.name.utf8) == Array(request.machine.name.utf8))
            #expect(Array(copy.machine.commandLine.utf8) == Array(request.machine.commandLine.utf8))
        }
    }

    @Test func mutilatedArgumentsNeverCrash() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<3000 {
            var arguments = Self.request(using: &random).arguments()
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                guard let index = arguments.indices.randomElement(using: &random) else { break }
                switch Int.random(in: 0..<4, using: &random) {
                case 0: arguments.remove(at: index)
                case 1: arguments[index] = String(arguments[index].dropLast(Int.random(in: 0...9, using: &random)))
                case 2: arguments[index] += Self.text(using: &random)
                default: arguments[index] = String(arguments[index].shuffled(using: &random))
                }
            }
            if let request = try? LaunchRequest(arguments: arguments) {
                _ = try? request.machine.validated(physicalAddressBits: 46)
                _ = request.machine.warnings
                #expect((try? LaunchRequest(arguments: request.arguments())) == request)
            }
        }
    }

    private static func text(using random: inout some RandomNumberGenerator) -> String {
        let signs = Array("ab0,=:;- \n\t\"'\\%$\u{7f}\u{301}é漢🐧/.").flatMap(\.unicodeScalars)
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            text.append(signs.randomElement(using: &random) ?? "x")
        }
        return String(text)
    }

    private static func number(using random: inout some RandomNumberGenerator) -> UInt64 {
        UInt64.random(in: 0...(.max), using: &random) >> UInt64.random(in: 0...64, using: &random)
    }

    private static func backend(using random: inout some RandomNumberGenerator) -> MemoryBackend {
        let nodes = (0..<Int.random(in: 0...3, using: &random)).map { _ in UInt32.random(in: 0...1023, using: &random) }
        return MemoryBackend(
            MemoryBackend.Kind.allCases.randomElement(using: &random) ?? .memfd,
            path: Bool.random(using: &random) ? text(using: &random) : nil,
            descriptor: Bool.random(using: &random) ? .random(in: 0...(.max), using: &random) : nil,
            isShared: .random(using: &random),
            hugePageSize: ([nil] + MemoryBackend.HugePageSize.allCases).randomElement(using: &random) ?? nil,
            transparentHugePages: .random(using: &random), prealloc: .random(using: &random),
            reserve: .random(using: &random), hostNodes: nodes,
            policy: nodes.isEmpty ? .bind : MemoryBackend.Policy.allCases.randomElement(using: &random) ?? .bind)
    }

    private static func channel(
        _ descriptor: Int32, using random: inout some RandomNumberGenerator
    ) -> LaunchRequest.Channel {
        [
            .stdio, .null, .descriptor(descriptor, name: text(using: &random)),
            .listener(.init(descriptor: descriptor, path: text(using: &random))),
        ].randomElement(using: &random) ?? .null
    }

    private static func request(using random: inout some RandomNumberGenerator) -> LaunchRequest {
        var machine = MachineConfiguration(
            name: text(using: &random),
            processors: ProcessorTopology(
                count: .random(in: 0...300, using: &random), sockets: .random(in: 0...9, using: &random),
                cores: .random(in: 0...9, using: &random), threads: .random(in: 0...9, using: &random)),
            memory: number(using: &random), memoryBackend: backend(using: &random),
            commandLine: text(using: &random),
            onReboot: RebootAction.allCases.randomElement(using: &random) ?? .reset,
            resizeStall: .random(in: 0...Milliseconds.maximum.count, using: &random))
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let processors = (0..<Int.random(in: 0...9, using: &random)).map { _ in
                Int.random(in: 0...20, using: &random)
            }
            machine.nodes.append(
                NUMANode(
                    id: .random(in: 0...(.max), using: &random), processors: processors, memory: number(using: &random))
            )
        }
        for index in 0..<Int.random(in: 0...70, using: &random) {
            machine.memoryDevices.append(
                MemoryDevice(
                    id: "a.B-_\(index)", size: number(using: &random), blockSize: number(using: &random),
                    node: .random(in: 0...(.max), using: &random), requestedSize: number(using: &random),
                    slotSize: Bool.random(using: &random) ? number(using: &random) : nil,
                    onViolation: ViolationAction.allCases.randomElement(using: &random) ?? .stop,
                    unpluggedInaccessible: UnpluggedAccess.allCases.randomElement(using: &random) ?? .on,
                    retryInterval: .random(in: 0...Milliseconds.maximum.count, using: &random),
                    backend: backend(using: &random)))
        }
        let segments = (0..<Int.random(in: 0...8, using: &random)).map { _ in
            KernelLayout.Segment(
                fileOffset: number(using: &random), fileSize: number(using: &random), address: number(using: &random),
                memorySize: number(using: &random))
        }
        let descriptors = (0..<4).map { _ in Int32.random(in: 0...(.max), using: &random) }
        var request = LaunchRequest(
            machine: machine,
            kernel: .init(
                descriptor: descriptors[0], layout: KernelLayout(entry: number(using: &random), segments: segments)),
            serial: channel(descriptors[1], using: &random),
            monitor: [.none, .stdio, .listener(.init(descriptor: descriptors[2], path: text(using: &random)))]
                .randomElement(using: &random) ?? .none)
        request.qmp = (0..<Int.random(in: 0...2, using: &random)).map { _ in
            .init(descriptor: Int32.random(in: 0...(.max), using: &random), path: text(using: &random))
        }
        if Bool.random(using: &random) {
            request.machine.balloon = Balloon(
                size: number(using: &random), deflatesOnOutOfMemory: .random(using: &random),
                reportsFreePages: .random(using: &random))
        }
        if Bool.random(using: &random) {
            request.machine.hasConsole = true
            request.console = channel(.random(in: 0...(.max), using: &random), using: &random)
        }
        if Bool.random(using: &random) {
            request.logs = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                LogDestination(
                    descriptor: .random(in: 0...(.max), using: &random),
                    level: LogLevel.allCases.randomElement(using: &random) ?? .info,
                    format: LogFormat.allCases.randomElement(using: &random) ?? .text)
            }
        }
        if Bool.random(using: &random) {
            request.runDirectory = .init(descriptor: 12, path: text(using: &random))
        }
        if Bool.random(using: &random) {
            request.endWith = Int32.random(in: 0...(.max), using: &random)
        }
        if Bool.random(using: &random) {
            request.initialRAMDisk = .init(descriptor: descriptors[3], size: number(using: &random))
        }
        return request
    }
}
