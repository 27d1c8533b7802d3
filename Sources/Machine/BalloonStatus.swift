/// A balloon, and what it leaves of the guest's memory.
public struct BalloonStatus: Sendable, Equatable {
    /// Bytes that the guest is asked to have in the balloon.
    public var target: UInt64
    /// Bytes that it says it has there.
    public var size: UInt64
    /// Bytes of boot memory, and what is plugged of all memory devices.
    public var memory: UInt64

    /// Bytes of memory that are left to the guest: what QEMU calls the size of a balloon.
    public var remaining: UInt64 { memory - min(size, memory) }

    public init(target: UInt64, size: UInt64, memory: UInt64) {
        self.target = target
        self.size = size
        self.memory = memory
    }
}
