import GuestMemory

/// What a driver did wrong with a virtqueue, or why the device can't go on with it. The device then needs a reset and leaves its queues alone.
public enum VirtqueueError: Error, Sendable, Equatable {
    /// The queue size is not a power of two from 1 to the maximum.
    case invalidSize(UInt16, maximum: UInt16)
    /// A part of the queue does not begin at a multiple of its alignment.
    case misaligned(VirtqueuePart, GuestAddress, alignment: UInt64)
    /// Guest memory that belongs to the queue or to one of its buffers can't be accessed.
    case memory(GuestMemoryError)
    /// The available index is more than the queue size ahead of what the device has taken.
    case availableIndexOutOfRange(UInt16, taken: UInt16, size: UInt16)
    /// A descriptor index from the available ring or a `next` field is not below the size of its table.
    case descriptorIndexOutOfRange(UInt16, size: UInt32)
    /// The chain has more descriptors than the queue, or a loop.
    case chainTooLong(maximum: UInt16)
    /// The buffers of the chain add up to more than 4 GiB.
    case chainTooLarge
    /// A device-readable buffer follows a device-writable one.
    case readableAfterWritable
    /// A descriptor refers to an indirect table, which was not negotiated.
    case indirectNotNegotiated
    /// A descriptor of an indirect table refers to an indirect table.
    case nestedIndirect
    /// A descriptor that refers to an indirect table has a successor.
    case indirectWithNext
    /// The length of an indirect table, in bytes, is not a multiple of 16, or zero.
    case invalidIndirectLength(UInt32)
    /// The buffers hold more than what the device type allows; in bytes.
    case buffersTooLong(UInt64, maximum: UInt64)
    /// The host's kernel, which serves the queue by itself (vhost), could not go on with it.
    case refusedByKernel(queue: Int)
    /// The buffers are shorter than what the device type prescribes; in bytes.
    case buffersTooShort(needed: UInt64, available: UInt64)
    /// The chain's buffers made way for those of a later one, or its queue was reset. This is a mistake of the device,
    /// not of the driver.
    case staleChain
    /// Who served the queues does so no more. The driver has done nothing wrong.
    case unserved
}

extension VirtqueueError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidSize(let size, let maximum):
            "queue size \(size) is not a power of two from 1 to \(maximum)"
        case .misaligned(let part, let address, let alignment):
            "\(part) at \(address) is not aligned to \(alignment) bytes"
        case .memory(let error):
            "\(error)"
        case .availableIndexOutOfRange(let index, let taken, let size):
            "available index \(index) is more than the queue size \(size) ahead of \(taken)"
        case .descriptorIndexOutOfRange(let index, let size):
            "descriptor index \(index) is not below \(size)"
        case .chainTooLong(let maximum):
            "descriptor chain with more than \(maximum) buffers, or a loop"
        case .chainTooLarge:
            "descriptor chain with more than 4 GiB"
        case .readableAfterWritable:
            "device-readable descriptor after a device-writable one"
        case .indirectNotNegotiated:
            "indirect descriptor without VIRTIO_F_INDIRECT_DESC"
        case .nestedIndirect:
            "indirect descriptor in an indirect descriptor table"
        case .indirectWithNext:
            "indirect descriptor with a next descriptor"
        case .invalidIndirectLength(let length):
            "indirect descriptor table of \(length) bytes, which is not a positive multiple of 16"
        case .buffersTooLong(let count, let maximum):
            "buffers of \(count) bytes where \(maximum) are the most"
        case .refusedByKernel(let queue):
            "queue \(queue), or a buffer in it, is where the host's kernel can't access it"
        case .buffersTooShort(let needed, let available):
            "buffers of \(available) bytes where \(needed) are needed"
        case .staleChain:
            "descriptor chain that was taken before the current one, or from a queue that was reset"
        case .unserved:
            "nobody serves the queues any more"
        }
    }
}
