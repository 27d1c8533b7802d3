import Virtio

/// What a memory device answers (virtio specification, 5.15.6).
public enum VirtioMemResponse: Sendable, Equatable {
    /// Done.
    case acknowledge
    /// Done: the answer to a STATE request.
    case state(VirtioMemBlockState)
    /// Not done because of how much is plugged or requested: the driver reads the configuration and tries again.
    case negativeAcknowledge
    /// Can't be done now.
    case busy
    /// The request is wrong.
    case error

    /// Every response's size in bytes.
    public static let byteCount: UInt64 = 10

    /// The response type on the wire.
    public var type: UInt16 {
        switch self {
        case .acknowledge, .state: 0
        case .negativeAcknowledge: 1
        case .busy: 2
        case .error: 3
        }
    }

    /// Writes the response into a chain and gives the chain back to the driver.
    public func complete(_ chain: DescriptorChain, of queue: SplitQueue) throws(VirtqueueError) {
        let blockState: UInt16 = if case .state(let state) = self { state.rawValue } else { 0 }
        // The type and six bytes of padding.
        try queue.store(UInt64(type), at: 0, of: chain)
        try queue.store(blockState, at: 8, of: chain)
        try queue.complete(chain, written: UInt32(Self.byteCount))
    }
}
