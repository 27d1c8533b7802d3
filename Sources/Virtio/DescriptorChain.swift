/// A driver's request: guest memory for the device to read, followed by guest memory for it to write.
///
/// It is a ticket: the queue that made it (`SplitQueue.nextChain()`) knows the buffers, reads and writes them, and takes
/// the ticket back when the request is done. The queue knows the buffers of the newest chain only, and of those that were
/// taken together with it (`SplitQueue.anotherChain()`).
public struct DescriptorChain: Sendable {
    /// Index of the first descriptor: how driver and device call the chain.
    public let head: UInt16
    /// How many buffers the device may read.
    public let readableCount: Int
    /// How many buffers the device may write.
    public let writableCount: Int
    /// Bytes that the device may read.
    public let readableLength: UInt64
    /// Bytes that the device may write. At most 4 GiB together with the readable ones.
    public let writableLength: UInt64

    /// Which enabling of which queue it comes from.
    let epoch: UInt64
    /// Where the queue keeps its buffers.
    let firstBuffer: Int
    /// The queue's `serial` then: it knows the buffers as long as that stays.
    let serial: UInt64
}

extension DescriptorChain {
    /// Where the queue keeps what the device may read, and write.
    var readableBuffers: Range<Int> { firstBuffer..<firstBuffer + readableCount }
    var writableBuffers: Range<Int> { readableBuffers.upperBound..<readableBuffers.upperBound + writableCount }
}
