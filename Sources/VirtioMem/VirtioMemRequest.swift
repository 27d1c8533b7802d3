import GuestMemory
import Virtio

/// What a driver asks a memory device for (virtio specification, 5.15.6). The ranges are unchecked.
public enum VirtioMemRequest: Sendable, Equatable {
    case plug(VirtioMemBlockRange)
    case unplug(VirtioMemBlockRange)
    case unplugAll
    case state(VirtioMemBlockRange)
    /// A type that the specification doesn't know.
    case unknown(type: UInt16)

    /// Every request's size in bytes.
    public static let byteCount: UInt64 = 24

    /// Makes sense of the fields of a request; which of them count depends on the type.
    public init(type: UInt16, address: UInt64, blockCount: UInt16) {
        let range = VirtioMemBlockRange(address: GuestAddress(address), count: blockCount)
        switch type {
        case 0: self = .plug(range)
        case 1: self = .unplug(range)
        case 2: self = .unplugAll
        case 3: self = .state(range)
        default: self = .unknown(type: type)
        }
    }

    /// Reads the request in a chain.
    ///
    /// - Throws: `buffersTooShort` where the chain has no room for a request and its response, so that nothing is done
    ///   that can't be answered; `memory` where it can't be read.
    public init(from chain: DescriptorChain, of queue: SplitQueue) throws(VirtqueueError) {
        guard chain.readableLength >= Self.byteCount else {
            throw .buffersTooShort(needed: Self.byteCount, available: chain.readableLength)
        }
        guard chain.writableLength >= VirtioMemResponse.byteCount else {
            throw .buffersTooShort(needed: VirtioMemResponse.byteCount, available: chain.writableLength)
        }
        self.init(
            type: try queue.loadUInt16(at: 0, of: chain), address: try queue.loadUInt64(at: 8, of: chain),
            blockCount: try queue.loadUInt16(at: 16, of: chain))
    }
}
