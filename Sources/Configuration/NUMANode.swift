/// A NUMA node: the vCPUs and the boot memory in it. A node may have neither and only hold memory devices.
public struct NUMANode: Sendable, Equatable {
    /// The guest's number for it (ACPI proximity domain), 0 to `maximumID`.
    public var id: UInt32
    /// Indices of its vCPUs.
    public var processors: [Int]
    /// Its share of the boot memory, in bytes.
    public var memory: UInt64

    /// The highest node number. The distance table (SLIT) grows with its square.
    public static let maximumID: UInt32 = 255

    public init(id: UInt32, processors: [Int] = [], memory: UInt64 = 0) {
        self.id = id
        self.processors = processors
        self.memory = memory
    }
}
