/// Sizes over the last minute, in bytes.
public struct MemoryTrace: Sendable, Equatable {
    public var requested = Trace()
    public var plugged = Trace()
    /// What the machine's process has of the host's memory; nobody knows what part of it is a device's.
    public var resident = Trace()

    public init() {}

    mutating func append(requested: UInt64?, plugged: UInt64?, resident: UInt64?) {
        self.requested.append(requested)
        self.plugged.append(plugged)
        self.resident.append(resident)
    }
}
