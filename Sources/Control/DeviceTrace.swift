/// A memory device over the last minute.
public struct DeviceTrace: Sendable, Equatable {
    public let id: String
    public let node: UInt64
    public internal(set) var memory = MemoryTrace()
}
