import Virtio

/// A packet of the guest, in its place in a queue.
struct VsockPacket {
    let chain: DescriptorChain
    /// Bytes behind the header, as that says.
    let count: UInt32

    /// Whether the chain has the bytes.
    var isWhole: Bool { UInt64(count) <= chain.readableLength - VsockHeader.byteCount }
}
