import GuestMemory

/// One thing that a disk is asked to do.
public struct DiskRequest: Sendable {
    public var operation: DiskOperation
    /// Bytes from the disk's beginning.
    public var offset: UInt64
    /// Bytes; of no meaning to a flush. A read's and a write's are those of its vectors.
    public var count: UInt64
    /// Where what is read goes, and what is written comes from.
    public let vectors: GuestVectors

    public init(_ operation: DiskOperation, offset: UInt64 = 0, count: UInt64 = 0, vectors: GuestVectors) {
        self.operation = operation
        self.offset = offset
        self.count = count
        self.vectors = vectors
    }
}
