import GuestMemory

/// Consecutive memory blocks, as a driver names them. Unchecked.
public struct VirtioMemBlockRange: Sendable, Equatable {
    /// Guest-physical address of the first block.
    public var address: GuestAddress
    /// How many blocks.
    public var count: UInt16

    public init(address: GuestAddress, count: UInt16) {
        self.address = address
        self.count = count
    }
}
