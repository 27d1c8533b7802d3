/// A guest's memory as its kernel sees it. Sizes are in bytes.
public struct MemoryReport: Sendable, Equatable {
    /// An amount that the kernel names, such as `MemFree`; of pages that are counted (`HugePages_Total`), the number.
    public struct Amount: Sendable, Equatable {
        public var name: String
        public var value: UInt64

        public init(_ name: String, _ value: UInt64) {
            self.name = name
            self.value = value
        }
    }

    /// What `/sys/devices/system/node/nodeN/meminfo` says.
    public struct Node: Sendable, Equatable {
        public var number: UInt32
        public var amounts: [Amount]

        public init(number: UInt32, amounts: [Amount]) {
            self.number = number
            self.amounts = amounts
        }
    }

    /// A zone of a node, by `/proc/zoneinfo`.
    public struct Zone: Sendable, Equatable {
        public var node: UInt32
        public var name: String
        public var free: UInt64 = 0
        /// Watermarks.
        public var minimum: UInt64 = 0
        public var low: UInt64 = 0
        public var high: UInt64 = 0
        public var spanned: UInt64 = 0
        public var present: UInt64 = 0
        public var managed: UInt64 = 0

        public init(node: UInt32, name: String) {
            self.node = node
            self.name = name
        }
    }

    /// A line of `/proc/pressure/memory`.
    public struct Pressure: Sendable, Equatable {
        /// `some` or `full`.
        public var kind: String
        /// Hundredths of a percent of the last 10, 60 and 300 seconds.
        public var averages: [UInt32]
        /// Microseconds since the boot.
        public var total: UInt64

        public init(kind: String, averages: [UInt32], total: UInt64) {
            self.kind = kind
            self.averages = averages
            self.total = total
        }
    }

    /// Linux memory blocks that follow each other and are alike.
    public struct Blocks: Sendable, Equatable {
        /// The number of the first, as in `/sys/devices/system/memory/memoryN`.
        public var first: UInt64
        public var count: UInt32
        public var node: UInt32
        /// `online`, `offline` or `going-offline`.
        public var state: String
        /// The zone of a block that is online; of others, those that it can be in.
        public var zones: String

        public init(first: UInt64, count: UInt32, node: UInt32, state: String, zones: String) {
            self.first = first
            self.count = count
            self.node = node
            self.state = state
            self.zones = zones
        }
    }

    /// What `/proc/meminfo` says.
    public var amounts: [Amount] = []
    public var nodes: [Node] = []
    public var zones: [Zone] = []
    /// Empty where the kernel does not measure it.
    public var pressure: [Pressure] = []
    /// The size of a Linux memory block; 0 where the kernel has none.
    public var blockSize: UInt64 = 0
    public var blocks: [Blocks] = []

    public init() {}
}
