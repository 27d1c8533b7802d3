/// What a guest learns of its machine through ACPI.
public struct ACPIPlatform: Sendable, Equatable {
    /// A processor.
    public struct Processor: Sendable, Equatable {
        /// The id of its local interrupt controller, as CPUID says it.
        public var apicID: UInt32
        /// Its NUMA node (proximity domain); without meaning where the platform has no nodes.
        public var node: UInt32

        public init(apicID: UInt32, node: UInt32 = 0) {
            self.apicID = apicID
            self.node = node
        }
    }

    /// Guest-physical addresses that belong to a NUMA node.
    public struct NodeMemory: Sendable, Equatable {
        public var start: UInt64
        /// In bytes.
        public var size: UInt64
        public var node: UInt32

        public init(start: UInt64, size: UInt64, node: UInt32) {
            self.start = start
            self.size = size
            self.node = node
        }
    }

    /// A device behind the virtio-mmio transport.
    public struct VirtioDevice: Sendable, Equatable {
        /// Guest-physical address of its registers.
        public var address: UInt32
        /// Bytes that its registers occupy.
        public var size: UInt32
        /// The global system interrupt that it pulses.
        public var gsi: UInt32
        /// Whether another device pulses the same interrupt.
        public var isInterruptShared: Bool

        public init(address: UInt32, size: UInt32, gsi: UInt32, isInterruptShared: Bool = false) {
            self.address = address
            self.size = size
            self.gsi = gsi
            self.isInterruptShared = isInterruptShared
        }
    }

    /// A 16550 serial port, 8 I/O ports long.
    public struct SerialPort: Sendable, Equatable {
        public var port: UInt16
        public var gsi: UInt32

        public init(port: UInt16 = 0x3f8, gsi: UInt32 = 4) {
            self.port = port
            self.gsi = gsi
        }
    }

    /// All processors, the bootstrap processor first.
    public var processors: [Processor]
    /// Whether the guest is told of NUMA nodes; what follows about nodes is left out otherwise.
    public var hasNodes: Bool
    /// Which node boot memory belongs to, by ranges.
    public var bootMemory: [NodeMemory]
    /// Where memory may be plugged. Only nodes that have neither processors nor boot memory are known to the guest by
    /// these: an entry for hot-pluggable memory above 4 GiB makes Linux set 64 MiB aside for a software I/O TLB.
    public var deviceMemory: [NodeMemory]
    /// Devices behind the virtio-mmio transport: Linux finds them here only.
    public var virtioDevices: [VirtioDevice]
    /// The first serial port. (Without it here Linux prints kernel messages, but programs have no console.)
    public var serialPort: SerialPort?
    /// The global system interrupt whose pulse says that the power button was pressed; nil for no button.
    public var powerButtonGSI: UInt32?

    public init(
        processors: [Processor], hasNodes: Bool = false, bootMemory: [NodeMemory] = [],
        deviceMemory: [NodeMemory] = [], virtioDevices: [VirtioDevice] = [], serialPort: SerialPort? = SerialPort(),
        powerButtonGSI: UInt32? = 9
    ) {
        self.processors = processors
        self.hasNodes = hasNodes
        self.bootMemory = bootMemory
        self.deviceMemory = deviceMemory
        self.virtioDevices = virtioDevices
        self.serialPort = serialPort
        self.powerButtonGSI = powerButtonGSI
    }
}
