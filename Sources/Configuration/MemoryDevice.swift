/// A virtio-mem device: a region of guest-physical addresses whose memory can be plugged and unplugged while the
/// guest runs.
public struct MemoryDevice: Sendable, Equatable {
    /// How users name it: letters, digits, `-`, `_` and `.`.
    public var id: String
    /// Bytes of its region: the most that can be plugged. A multiple of the block size.
    public var size: UInt64
    /// Bytes of a memory block, the unit of plugging; a power of two.
    public var blockSize: UInt64
    /// The NUMA node that its memory belongs to.
    public var node: UInt32
    /// Bytes that the guest is asked to plug at start. A multiple of the block size.
    public var requestedSize: UInt64

    /// The block size where none is given: one huge page.
    public static let defaultBlockSize: UInt64 = .mebibytes(2)

    public init(
        id: String, size: UInt64, blockSize: UInt64 = defaultBlockSize, node: UInt32 = 0, requestedSize: UInt64 = 0
    ) {
        self.id = id
        self.size = size
        self.blockSize = blockSize
        self.node = node
        self.requestedSize = requestedSize
    }
}
