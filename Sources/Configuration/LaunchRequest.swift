import KernelLayout

/// All that the process that holds a guest is told: the machine, and the numbers of the descriptors that were opened
/// for it.
///
/// It travels as the command line of `swiftlet-vmm`, so that `ps` shows the machine: see `arguments()`.
public struct LaunchRequest: Sendable, Equatable {
    /// An unpacked kernel.
    public struct Kernel: Sendable, Equatable {
        /// Number of the descriptor that it can be read from.
        public var descriptor: Int32
        public var layout: KernelLayout

        public init(descriptor: Int32, layout: KernelLayout) {
            self.descriptor = descriptor
            self.layout = layout
        }
    }

    /// An initial RAM disk.
    public struct InitialRAMDisk: Sendable, Equatable {
        /// Number of the descriptor that it can be read from.
        public var descriptor: Int32
        /// Its bytes.
        public var size: UInt64

        public init(descriptor: Int32, size: UInt64) {
            self.descriptor = descriptor
            self.size = size
        }
    }

    /// What the serial port or the virtio console is connected to.
    public enum Channel: Sendable, Equatable {
        /// Standard input and output.
        case stdio
        case null
        /// An open file or the master of a pseudo-terminal; `name` is for messages.
        case descriptor(Int32, name: String)
        /// Whoever connects to a Unix socket.
        case listener(Place)
    }

    /// Where monitor commands come from.
    public enum Monitor: Sendable, Equatable {
        case none
        /// Standard input and output.
        case stdio
        case listener(Place)
    }

    /// A descriptor with the path that belongs to it: a listening Unix socket, or a run directory with the file that
    /// holds it. The path is removed when the process ends.
    public struct Place: Sendable, Equatable {
        public var descriptor: Int32
        public var path: String

        public init(descriptor: Int32, path: String) {
            self.descriptor = descriptor
            self.path = path
        }
    }

    public var machine: MachineConfiguration
    public var kernel: Kernel
    public var initialRAMDisk: InitialRAMDisk?
    public var serial: Channel
    /// What the virtio console leads to, in a machine that has one.
    public var console: Channel
    public var monitor: Monitor
    /// Where clients of QMP connect.
    public var qmp: [Place]
    /// The file by which a named machine has its run directory, and that directory's path.
    public var runDirectory: Place?
    /// Where the log goes.
    public var logs: [LogDestination]
    /// Number of the descriptor of a pipe: the machine ends when nobody has its other end any more.
    public var endWith: Int32?

    public init(
        machine: MachineConfiguration, kernel: Kernel, initialRAMDisk: InitialRAMDisk? = nil, serial: Channel = .stdio,
        console: Channel = .null, monitor: Monitor = .none, qmp: [Place] = [], runDirectory: Place? = nil,
        logs: [LogDestination] = [.standardError], endWith: Int32? = nil
    ) {
        self.machine = machine
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        self.serial = serial
        self.console = console
        self.monitor = monitor
        self.qmp = qmp
        self.runDirectory = runDirectory
        self.logs = logs
        self.endWith = endWith
    }
}
