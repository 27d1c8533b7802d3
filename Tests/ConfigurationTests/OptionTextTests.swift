import Configuration
import Testing

@Suite struct OptionTextTests {
    // MARK: --cpus

    @Test(arguments: [
        ("1", 1, 1, 1, 1), ("4", 4, 1, 4, 1), ("4,sockets=2", 4, 2, 2, 1), ("4,cores=2", 4, 2, 2, 1),
        ("4,threads=2", 4, 1, 2, 2), ("8,sockets=2,threads=2", 8, 2, 2, 2), ("8,sockets=2,cores=2", 8, 2, 2, 2),
        ("4,sockets=2,cores=2,threads=1", 4, 2, 2, 1),
    ])
    func processorsFillInWhatIsLeftOut(text: String, count: Int, sockets: Int, cores: Int, threads: Int) throws {
        let topology = try ProcessorTopology(optionText: text)
        #expect(topology == ProcessorTopology(count: count, sockets: sockets, cores: cores, threads: threads))
        #expect(try ProcessorTopology(optionText: topology.optionText) == topology)
    }

    @Test(arguments: [
        // Equal nodes are sockets, in whatever order they are given, and beside nodes without processors.
        ("4", [[0, 1], [2, 3], []], 2), ("4", [[2, 3], [0, 1]], 2), ("2", [[0], [1]], 2),
        ("4", [[0, 1, 2, 3]], 1), ("4", [], 1), ("4", [[0, 2], [1, 3]], 1), ("4", [[0], [1, 2, 3]], 1),
        // What is given counts, and what doesn't fit is for the validation to find.
        ("4,sockets=1", [[0, 1], [2, 3]], 1), ("6", [[0, 1], [2, 3]], 1), ("0", [[0, 1], [2, 3]], 1),
    ])
    func nodesAreSockets(text: String, processors: [[Int]], sockets: Int) throws {
        let nodes = processors.enumerated().map { NUMANode(id: UInt32($0), processors: $1, memory: 0) }
        #expect(try ProcessorTopology(optionText: text, nodes: nodes).sockets == sockets)
    }

    @Test(arguments: [
        ("", "--cpus : \"\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1"),
        ("two", "--cpus two: \"two\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1"),
        ("-1", "--cpus -1: \"-1\" is not a number; give 4 or 4,sockets=2,cores=2,threads=1"),
        ("4,", "--cpus: empty; the keys are sockets, cores, threads"),
        ("4,dies=2", "--cpus dies=2: unknown key \"dies\"; the keys are sockets, cores, threads"),
        ("4,cores=2,cores=2", "--cpus cores=2,cores=2: \"cores\" is given twice; the keys are sockets, cores, threads"),
        ("4,cores", "--cpus cores: \"cores\" is not of the form key=value; the keys are sockets, cores, threads"),
        ("4,cores=x", "--cpus cores=x: cores \"x\" is not a number from 0 to 9223372036854775807"),
    ])
    func processorMistakes(text: String, message: String) {
        #expect(mistake { _ = try ProcessorTopology(optionText: text) } == message)
    }

    // MARK: --numa

    @Test(arguments: [
        ("node=0,cpus=0-1,memory=2G", NUMANode(id: 0, processors: [0, 1], memory: 2 << 30)),
        ("node=1,cpus=0,cpus=2", NUMANode(id: 1, processors: [0, 2])),
        ("memory=1M,node=3,cpus=4-4", NUMANode(id: 3, processors: [4], memory: 1 << 20)),
        ("node=2", NUMANode(id: 2)),
    ])
    func readsNodes(text: String, node: NUMANode) throws {
        #expect(try NUMANode(optionText: text) == node)
        #expect(try NUMANode(optionText: node.optionText) == node)
    }

    @Test(arguments: [
        ("", "--numa: empty; the keys are node, cpus, memory"),
        ("cpus=0", "--numa cpus=0: \"node\" is missing; the keys are node, cpus, memory"),
        (
            "node=0,memory=1M,memory=2M",
            "--numa node=0,memory=1M,memory=2M: \"memory\" is given twice; the keys are node, cpus, memory"
        ),
        ("node=0,", "--numa node=0,: \"\" is not of the form key=value; the keys are node, cpus, memory"),
        ("node=x", "--numa node=x: node \"x\" is not a number from 0 to 4294967295"),
        ("node=4294967296", "--numa node=4294967296: node \"4294967296\" is not a number from 0 to 4294967295"),
        ("node=0,cpus=3-1", "--numa node=0,cpus=3-1: cpus \"3-1\" is neither a number nor a range such as 0-3"),
        ("node=0,cpus=0-", "--numa node=0,cpus=0-: cpus \"0-\" is neither a number nor a range such as 0-3"),
        ("node=0,cpus=", "--numa node=0,cpus=: cpus \"\" is neither a number nor a range such as 0-3"),
        (
            "node=0,cpus=0-999999999999",
            "--numa node=0,cpus=0-999999999999: cpus \"0-999999999999\": processors have the numbers 0 to 254"
        ),
        (
            "node=0,memory=1X",
            "--numa node=0,memory=1X: memory \"1X\" is not a size: give bytes, or a number with K, M, G or T"
        ),
    ])
    func nodeMistakes(text: String, message: String) {
        #expect(mistake { _ = try NUMANode(optionText: text) } == message)
    }

    // MARK: --virtio-mem

    @Test(arguments: [
        (
            "id=vm0,size=8G,node=0,requested-size=128M",
            MemoryDevice(id: "vm0", size: 8 << 30, requestedSize: 128 << 20)
        ),
        (
            "id=vm1,size=8G,node=1,requested-size=80M,block-size=4M",
            MemoryDevice(id: "vm1", size: 8 << 30, blockSize: 4 << 20, node: 1, requestedSize: 80 << 20)
        ),
        ("size=1G,id=x", MemoryDevice(id: "x", size: 1 << 30)),
    ])
    func readsMemoryDevices(text: String, device: MemoryDevice) throws {
        #expect(try MemoryDevice(optionText: text) == device)
        #expect(try MemoryDevice(optionText: device.optionText) == device)
    }

    private static let keys =
        "the keys are id, size, node, requested-size, block-size, slot-size, on-violation,"
        + " unplugged-inaccessible, retry-interval, \(backendKeys)"
    private static let backendKeys =
        "backend, share, hugepages, thp, prealloc, reserve, host-nodes, policy, path"

    @Test(arguments: [
        ("", "--virtio-mem: empty; \(keys)"),
        ("size=8G", "--virtio-mem size=8G: \"id\" is missing; \(keys)"),
        ("id=vm0", "--virtio-mem id=vm0: \"size\" is missing; \(keys)"),
        ("id=vm0,size=8G,nod=1", "--virtio-mem id=vm0,size=8G,nod=1: unknown key \"nod\"; \(keys)"),
        ("id=vm0,id=vm1,size=8G", "--virtio-mem id=vm0,id=vm1,size=8G: \"id\" is given twice; \(keys)"),
        ("vm0", "--virtio-mem vm0: \"vm0\" is not of the form key=value; \(keys)"),
        (
            "id=vm0,size=",
            "--virtio-mem id=vm0,size=: size \"\" is not a size: give bytes, or a number with K, M, G or T"
        ),
        (
            "id=vm0,size=16777216T",
            "--virtio-mem id=vm0,size=16777216T: size 16777216T is too large: sizes end below 16777216T"
        ),
    ])
    func memoryDeviceMistakes(text: String, message: String) {
        #expect(mistake { _ = try MemoryDevice(optionText: text) } == message)
    }

    @Test func readsWhatIsSeldomChanged() throws {
        let text =
            "id=x,size=4G,slot-size=64M,on-violation=exit,unplugged-inaccessible=auto,retry-interval=250ms"
            + ",backend=file,share=off,thp=off,prealloc=on,reserve=on,host-nodes=0-1,host-nodes=5,policy=interleave"
            + ",path=/a b,c=d"
        let device = MemoryDevice(
            id: "x", size: 4 << 30, slotSize: 64 << 20, onViolation: .exit, unpluggedInaccessible: .auto,
            retryInterval: 250,
            backend: MemoryBackend(
                .file, path: "/a b,c=d", isShared: false, transparentHugePages: false, prealloc: true, reserve: true,
                hostNodes: [0, 1, 5], policy: .interleave))
        #expect(try MemoryDevice(optionText: text) == device)
        #expect(try MemoryDevice(optionText: device.optionText) == device)
    }

    @Test func backendsHaveDefaultsOfTheirOwn() throws {
        func backend(_ text: String) throws -> MemoryBackend {
            try MemoryDevice(optionText: "id=x,size=4G,\(text)").backend
        }
        #expect(try backend("backend=anonymous") == MemoryBackend())
        #expect(try backend("backend=memfd").isShared)
        #expect(try backend("backend=memfd").transparentHugePages)
        #expect(try backend("backend=hugetlbfs").pageSize == 2 << 20)
        #expect(try !backend("backend=hugetlbfs").transparentHugePages)
        #expect(try backend("host-nodes=3").policy == .bind)
        let large = try MemoryDevice(optionText: "id=x,size=4G,backend=hugetlbfs,hugepages=1G")
        #expect(large.blockSize == 1 << 30 && large.backend.hugePageSize == .oneGibibyte)
        #expect(try MemoryDevice(optionText: large.optionText) == large)
    }

    @Test(arguments: [
        ("backend=disk", "backend \"disk\" is not one of anonymous, memfd, hugetlbfs and file"),
        ("share=yes", "share \"yes\" is neither on nor off"),
        ("hugepages=4M", "hugepages \"4M\" is not one of 2M and 1G"),
        ("policy=local,host-nodes=0", "policy \"local\" is not one of bind, preferred and interleave"),
        ("policy=bind", "policy needs nodes: give host-nodes=0-1 too"),
        ("host-nodes=a", "host-nodes \"a\" is neither a number nor a range such as 0-3"),
        ("host-nodes=0-1024", "host-nodes \"0-1024\": nodes have the numbers 0 to 1023"),
        ("on-violation=panic", "on-violation \"panic\" is not one of stop, reset and exit"),
        ("unplugged-inaccessible=off", "unplugged-inaccessible \"off\" is not one of on and auto"),
        ("retry-interval=5", "retry-interval \"5\" is not a duration: give a number with ms, s, m or h, or 0"),
        (
            "backend=file,path=/x,share=off",
            "path takes all that follows it, and \"share=\" follows: give path last"
        ),
    ])
    func mistakesOfBackends(text: String, message: String) {
        #expect(
            mistake { _ = try MemoryDevice(optionText: "id=x,size=4G,\(text)") }
                == "--virtio-mem id=x,size=4G,\(text): \(message)")
    }

    /// A descriptor is for launch requests alone.
    @Test func usersGiveNoDescriptors() {
        #expect(
            mistake { _ = try MemoryDevice(optionText: "id=x,size=4G,fd=3") }
                == "--virtio-mem id=x,size=4G,fd=3: unknown key \"fd\"; \(Self.keys)")
    }

    // MARK: --memory

    @Test func readsBootMemory() throws {
        #expect(try BootMemory(optionText: "4G") == BootMemory(size: 4 << 30))
        #expect(
            try BootMemory(optionText: "size=1G,backend=memfd,share=off")
                == BootMemory(size: 1 << 30, backend: MemoryBackend(.memfd, isShared: false)))
        #expect(try BootMemory(optionText: "backend=memfd") == BootMemory(size: nil, backend: MemoryBackend(.memfd)))
        #expect(
            try BootMemory(optionText: "size=1G,backend=file,path=/dev/shm/a,b").backend.path == "/dev/shm/a,b")
    }

    @Test(arguments: [
        ("size=x", "--memory size=x: size \"x\" is not a size: give bytes, or a number with K, M, G or T"),
        (
            "1G,backend=memfd",
            "--memory 1G,backend=memfd: \"1G\" is not of the form key=value; the keys are size, \(backendKeys)"
        ),
        ("size=1G,id=x", "--memory size=1G,id=x: unknown key \"id\"; the keys are size, \(backendKeys)"),
    ])
    func mistakesOfBootMemory(text: String, message: String) {
        #expect(mistake { _ = try BootMemory(optionText: text) } == message)
    }

    // MARK: --balloon

    @Test func readsABalloon() throws {
        #expect(try Balloon(optionText: "size=0") == Balloon())
        #expect(
            try Balloon(optionText: "free-page-reporting=on,size=1G,deflate-on-oom=on")
                == Balloon(size: 1 << 30, deflatesOnOutOfMemory: true, reportsFreePages: true))
        #expect(try Balloon(optionText: "free-page-reporting=on") == Balloon(reportsFreePages: true))
        #expect(Balloon().optionText == "size=0")
    }

    @Test(arguments: [
        ("", "--balloon: empty; the keys are size, deflate-on-oom, free-page-reporting"),
        (
            "256M",
            "--balloon 256M: \"256M\" is not of the form key=value; the keys are size, deflate-on-oom, free-page-reporting"
        ),
        ("size=lots", "--balloon size=lots: size \"lots\" is not a size: give bytes, or a number with K, M, G or T"),
        ("deflate-on-oom=yes", "--balloon deflate-on-oom=yes: deflate-on-oom \"yes\" is neither on nor off"),
        (
            "size=1,size=2",
            "--balloon size=1,size=2: \"size\" is given twice; the keys are size, deflate-on-oom, free-page-reporting"
        ),
    ])
    func mistakesOfABalloon(text: String, message: String) {
        #expect(mistake { _ = try Balloon(optionText: text) } == message)
    }

    @Test func aBalloonIsSmallerThanTheMemory() throws {
        func problem(_ size: UInt64) -> String? {
            mistake { try MachineConfiguration(memory: 512 << 20, balloon: Balloon(size: size)).validated() }
        }
        #expect(problem(511 << 20) == nil)
        #expect(problem(512 << 20) == "--balloon size=512M: not less than the boot memory of 512M")
        #expect(problem(4097) == "--balloon size=4097: not a multiple of 4K")
        var populated = MachineConfiguration(balloon: Balloon())
        populated.memoryBackend.prealloc = true
        #expect(
            populated.warnings == ["--balloon: all memory has prealloc=on, so that none of it goes back to the host"])
        populated.memoryDevices = [MemoryDevice(id: "vm0", size: 1 << 30)]
        #expect(populated.warnings == [])
    }

    // MARK: --serial and --monitor

    @Test func readsSerialAndMonitor() throws {
        #expect(try ChannelOption(option: "--serial", optionText: "stdio") == .stdio)
        #expect(try ChannelOption(option: "--serial", optionText: "pty") == .pty)
        #expect(try ChannelOption(option: "--serial", optionText: "null") == .null)
        #expect(try ChannelOption(option: "--serial", optionText: "file:/a b,c") == .file(path: "/a b,c"))
        #expect(try MonitorOption(optionText: "stdio") == .stdio)
        #expect(try MonitorOption(optionText: "none") == .none)
        #expect(try MonitorOption(optionText: "unix:mon.sock") == .unix(path: "mon.sock"))
        #expect(try RebootAction(optionText: "exit") == .exit)
    }

    @Test(arguments: ["", "tty", "file", "file:", "STDIO"])
    func channelMistakes(text: String) {
        let message = mistake { _ = try ChannelOption(option: "--serial", optionText: text) }
        #expect(message == "--serial \(text): not one of stdio, pty, null, file:PATH and unix:PATH")
    }

    @Test func aConsoleIsReadAsASerialPortIs() throws {
        #expect(try ChannelOption(option: "--console", optionText: "unix:/run/x") == .unix(path: "/run/x"))
        #expect(
            mistake { _ = try ChannelOption(option: "--console", optionText: "tty") }
                == "--console tty: not one of stdio, pty, null, file:PATH and unix:PATH")
        #expect(
            mistake { _ = try ChannelOption(option: "--console", optionText: "unix:") }
                == "--console unix:: no path behind unix:")
    }

    @Test func theSerialPortMakesRoomForAConsoleOnStandardInput() {
        #expect(ChannelOption.serial(console: nil, socket: nil) == .stdio)
        #expect(ChannelOption.serial(console: .pty, socket: nil) == .stdio)
        #expect(ChannelOption.serial(console: .stdio, socket: nil) == .null)
        #expect(ChannelOption.serial(console: .pty, socket: "/run/console") == .unix(path: "/run/console"))
    }

    @Test(
        arguments: [
            (
                .stdio,
                "--console stdio: the serial port has standard input and output; give --serial null, or leave it out"
            ),
            (.file(path: "log"), "--console file:log: the serial port leads to this file; give another one"),
            (.unix(path: "a"), "--console unix:a: the serial port has this socket; give another path"),
            (.pty, nil), (.null, nil),
        ] as [(ChannelOption, String?)])
    func oneEndIsNotForTwo(_ option: ChannelOption, _ message: String?) {
        #expect(mistake { try ChannelOption.check(serial: option, console: option) } == message)
        #expect(mistake { try ChannelOption.check(serial: .file(path: "other"), console: option) } == nil)
    }

    @Test(arguments: ["", "tcp:1", "unix"])
    func monitorMistakes(text: String) {
        let message = mistake { _ = try MonitorOption(optionText: text) }
        #expect(message == "--monitor \(text): not one of stdio, unix:PATH and none")
        #expect(mistake { _ = try SocketPath(qmpOptionText: text) } == "--qmp \(text): not unix:PATH")
    }

    @Test func aSocketHasAPath() throws {
        #expect(try SocketPath(qmpOptionText: "unix:a b,c").path == "a b,c")
        #expect(mistake { _ = try SocketPath(qmpOptionText: "unix:") } == "--qmp unix:: no path behind unix:")
        #expect(mistake { _ = try MonitorOption(optionText: "unix:") } == "--monitor unix:: no path behind unix:")
    }

    @Test func aSocketPathHasALimit() throws {
        let longest = String(repeating: "a", count: 107)
        #expect(try MonitorOption(optionText: "unix:" + longest) == .unix(path: longest))
        let message = mistake { _ = try MonitorOption(optionText: "unix:a" + longest) }
        #expect(
            message == "--monitor unix:a\(longest): the path has 108 bytes; a Unix socket's has at most 107")
    }

    @Test func otherMistakes() {
        #expect(
            mistake { _ = try RebootAction(optionText: "halt") } == "--on-reboot halt: not one of reset and exit")
        #expect(
            mistake { _ = try BootMemory(optionText: "lots") }
                == "--memory: \"lots\" is not a size: give bytes, or a number with K, M, G or T")
    }
}
