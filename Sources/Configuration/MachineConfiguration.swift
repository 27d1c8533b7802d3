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
    /// The network cards, in the order in which a guest finds them.
    public var networkDevices: [NetworkDevice]
    /// Sockets between the guest and the host's programs.
    public var vsock: Vsock?
    /// The host's directories that a guest can mount.
    public var fileSystems: [FileSystem]
    /// Whether the guest has a virtio console, beside its serial port.
    public var hasConsole: Bool
    /// Nil for a machine without a balloon.
    public var balloon: Balloon?
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
        networkDevices: [NetworkDevice] = [],
        vsock: Vsock? = nil,
        fileSystems: [FileSystem] = [],
        hasConsole: Bool = false,
        balloon: Balloon? = nil,
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
        self.networkDevices = networkDevices
        self.fileSystems = fileSystems
        self.hasConsole = hasConsole
        self.balloon = balloon
        self.vsock = vsock
        self.commandLine = commandLine
        self.onReboot = onReboot
        self.resizeStall = resizeStall
    }

    /// How many virtio devices there are besides the memory devices. A guest finds them in this order.
    public var furtherDeviceCount: Int {
        (hasEntropy ? 1 : 0) + disks.count + networkDevices.count + (vsock == nil ? 0 : 1) + fileSystems.count
            + (hasConsole ? 1 : 0) + (balloon == nil ? 0 : 1)
    }
}
