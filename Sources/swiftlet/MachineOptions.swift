import ArgumentParser
import Configuration

/// The options that describe a machine, and what they mean.
struct MachineOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Text to append to the kernel's command line.", valueName: "text"))
    var cmdline = ""

    @Flag(help: "Leave the default command line out (see above).")
    var noDefaultCmdline = false

    @Flag(help: "Let the kernel tell what it does at boot: drop 'quiet' and 'loglevel=1'.")
    var verboseBoot = false

    @Option(
        help: ArgumentHelp(
            "What to call the machine: 'swiftlet list' shows it, and other commands find it by that.",
            valueName: "name"))
    var name: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "vCPUs and, with ',sockets=2,cores=2,threads=1' behind their number, their topology.", valueName: "n"))
    var cpus = Self.defaultProcessors

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Boot memory, such as 4G: K, M, G, T or bytes; or size=4G with the keys of a backend (see above). \
            (default: 512M, or with --numa what its nodes have)
            """,
            valueName: "size"))
    var memory: String?

    @Option(
        help: ArgumentHelp(
            "A NUMA node with its vCPUs and its share of the boot memory; may be repeated.",
            valueName: "node=0,cpus=0-1,memory=2G"))
    var numa: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A virtio-mem device: up to 'size' of memory that can be plugged and unplugged while the guest runs. \
            Node and requested size are 0 and the block size is 2M, or the backend's page, where they are left out; \
            see above for further keys. May be repeated.
            """,
            valueName: "id=vm0,size=8G,node=0,requested-size=128M,block-size=2M"))
    var virtioMem: [String] = []

    @Option(
        help: ArgumentHelp(
            "A disk: a raw image or a block device; see above for further keys. May be repeated.",
            valueName: "path=root.img,id=root,readonly=on"))
    var disk: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A network card, whose wire is a tap of the host; see above for further keys. May be repeated.
            """,
            valueName: "tap=tap0,id=net0,mac=52:54:00:12:34:56"))
    var net: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A file system of the host (virtio-fs) that a virtiofsd serves at a socket; see above for further keys. May \
            be repeated.
            """,
            valueName: "tag=data,socket=virtiofsd.sock"))
    var fs: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            A directory of the host that the guest can mount by its tag: a virtiofsd is started for it, and ends with \
            the machine. May be repeated.
            """,
            valueName: "tag=data,path=/srv/data,readonly=on"))
    var share: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Sockets between the guest and the host (virtio-vsock): the guest's number, 3 or more, and a Unix socket. \
            Programs connect there and send "CONNECT PORT" and a line feed; the guest's connections to the host's \
            ports go to whoever listens at that path with _PORT behind it.
            """,
            valueName: "cid=3,socket=vm.vsock"))
    var vsock: String?

    @Option(
        help: ArgumentHelp(
            "Whether the guest gets random numbers from the host (virtio-rng): on or off.", valueName: "switch"),
        completion: .list(["on", "off"]))
    var rng = Self.defaultRandomNumbers

    @Option(
        help: ArgumentHelp(
            """
            A balloon: memory that the guest gives back while it keeps the address space for it, by the monitor's \
            'balloon'. 'size' is what is in it from the start; the others are off where they are left out.
            """,
            valueName: "size=0,deflate-on-oom=on,free-page-reporting=on"))
    var balloon: String?

    @Option(
        help: ArgumentHelp("What a guest's reboot does: reset or exit.", valueName: "action"),
        completion: .list(RebootAction.allCases.map(\.rawValue)))
    var onReboot = Self.defaultRebootAction

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "When to say why a resize makes no progress; 0 for never.", valueName: "duration"))
    var resizeStall = Self.defaultResizeStall

    static let defaultProcessors = "1"
    static let defaultRandomNumbers = "on"
    static let defaultRebootAction = RebootAction.reset.rawValue
    static let defaultResizeStall = "\(Milliseconds(MachineConfiguration.defaultResizeStall))"

    /// The machine that the options describe, not validated yet.
    ///
    /// - Throws: `ConfigurationError`.
    func machine() throws -> MachineConfiguration {
        let nodes = try numa.map { try NUMANode(optionText: $0) }
        var fileSystems = try fs.enumerated().map { try FileSystem(socketOptionText: $1, index: $0) }
        fileSystems += try share.enumerated().map { try FileSystem(directoryOptionText: $1, index: fs.count + $0) }
        // Whoever serves them has to have the guest's memory, too.
        let kind = fileSystems.isEmpty ? MemoryBackend.Kind.anonymous : .memfd
        let memory =
            try memory.map { try BootMemory(optionText: $0, defaultKind: kind) }
            ?? BootMemory(size: nil, backend: MemoryBackend(kind))
        return MachineConfiguration(
            name: name ?? MachineConfiguration.defaultName,
            processors: try ProcessorTopology(optionText: cpus, nodes: nodes),
            memory: try memory.size ?? bootMemory(of: nodes),
            memoryBackend: memory.backend,
            nodes: nodes,
            memoryDevices: try virtioMem.map { try MemoryDevice(optionText: $0, defaultKind: kind) },
            hasEntropy: try MachineConfiguration.hasEntropy(optionText: rng),
            disks: try disk.enumerated().map { try Disk(optionText: $1, index: $0) },
            networkDevices: try net.enumerated().map { try NetworkDevice(optionText: $1, index: $0) },
            vsock: try vsock.map { try Vsock(optionText: $0) },
            fileSystems: fileSystems,
            balloon: try balloon.map { try Balloon(optionText: $0) },
            commandLine: KernelCommandLine(
                includesDefaults: !noDefaultCmdline, isVerbose: verboseBoot, addition: cmdline
            ).text,
            onReboot: try RebootAction(optionText: onReboot),
            resizeStall: try MachineConfiguration.resizeStall(optionText: resizeStall))
    }

    private func bootMemory(of nodes: [NUMANode]) throws -> UInt64 {
        guard !nodes.isEmpty else { return MachineConfiguration.defaultMemory }
        var sum: UInt64 = 0
        for node in nodes {
            let (total, overflow) = sum.addingReportingOverflow(node.memory)
            guard !overflow else {
                throw ConfigurationError("--numa node=\(node.id)", "memory \(ByteSize(node.memory)) is too large")
            }
            sum = total
        }
        guard sum > 0 else {
            throw ConfigurationError("--numa", "no node has memory: give memory=SIZE to at least one")
        }
        return sum
    }
}
