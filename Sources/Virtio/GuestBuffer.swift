import GuestMemory

/// A contiguous piece of guest memory that a descriptor names. All of it belongs to guest memory, but it need not be
/// accessible, and it may lie in several regions that follow each other.
public struct GuestBuffer: Sendable, Equatable {
    /// Guest-physical address of its first byte.
    public let address: GuestAddress
    /// Its size in bytes; may be zero.
    public let count: UInt64

    public init(address: GuestAddress, count: UInt64) {
        self.address = address
        self.count = count
    }
}
