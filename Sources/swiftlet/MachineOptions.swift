import Configuration

/// What describes a machine: what the options of `MachineArguments` were given, and what they mean.
struct MachineOptions: Equatable {
    var cmdline = ""
    var noDefaultCmdline = false
    var verboseBoot = false
    var name: String?
    var cpus = Self.defaultProcessors
    var memory: String?
    var numa: [String] = []
    var virtioMem: [String] = []
    var disk: [String] = []
    var net: [String] = []
    var fs: [String] = []
    var share: [String] = []
    var vsock: String?
    var rng = Self.defaultRandomNumbers
    var balloon: String?
    var onReboot = Self.defaultRebootAction
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
