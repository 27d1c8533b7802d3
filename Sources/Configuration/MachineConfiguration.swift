/// A machine as plain values: what a user asks for, before anything is opened or built.
///
/// ```swift
/// var configuration = MachineConfiguration(processors: 2, memory: .gibibytes(1))
/// configuration.memoryDevices = [MemoryDevice(id: "vm0", size: .gibibytes(8), requestedSize: .mebibytes(128))]
/// let layout = try configuration.validated(physicalAddressBits: 40)
/// ```
public struct MachineConfiguration: Sendable, Equatable {
    /// What users call the machine; printable.
    public var name: String
    public var processors: ProcessorTopology
    /// Boot memory in bytes.
    public var memory: UInt64
    /// What the boot memory is made of.
    public var memoryBackend: MemoryBackend
    /// The NUMA nodes. Without any, all vCPUs and all memory are in node 0.
    public var nodes: [NUMANode]
    /// The virtio-mem devices, in the order of their regions.
    public var memoryDevices: [MemoryDevice]
    /// Whether guests get random numbers from the host (virtio-rng).
    public var hasEntropy: Bool
    /// The disks, in the order in which a guest finds them.
    public var disks: [Disk]
    /// The whole command line of the guest's kernel.
    public var commandLine: String
    public var onReboot: RebootAction
    /// Milliseconds without progress after which a machine says why a resize does not get where it should; 0 for never.
    public var resizeStall: UInt64

    /// The name of a machine that was given none.
    public static let defaultName = "swiftlet"
    /// The boot memory of a machine that was given none, in bytes.
    public static let defaultMemory: UInt64 = .mebibytes(512)
    /// When a machine that was not told says why a resize stalls, in milliseconds.
    public static let defaultResizeStall: UInt64 = 5000

    public init(
        name: String = defaultName,
        processors: ProcessorTopology = 1,
        memory: UInt64 = defaultMemory,
        memoryBackend: MemoryBackend = MemoryBackend(),
        nodes: [NUMANode] = [],
        memoryDevices: [MemoryDevice] = [],
        hasEntropy: Bool = true,
        disks: [Disk] = [],
        commandLine: String = KernelCommandLine().text,
        onReboot: RebootAction = .reset,
        resizeStall: UInt64 = defaultResizeStall
    ) {
        self.name = name
        self.processors = processors
        self.memory = memory
        self.memoryBackend = memoryBackend
        self.nodes = nodes
        self.memoryDevices = memoryDevices
        self.hasEntropy = hasEntropy
        self.disks = disks
        self.commandLine = commandLine
        self.onReboot = onReboot
        self.resizeStall = resizeStall
    }

    /// How many virtio devices there are besides the memory devices. A guest finds them in this order.
    public var furtherDeviceCount: Int {
        (hasEntropy ? 1 : 0) + disks.count
    }
}
