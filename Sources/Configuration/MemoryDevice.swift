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
    /// Bytes that a memory slot of KVM covers, a power of two and at least a block; nil to let the machine choose.
    public var slotSize: UInt64?
    /// What becomes of the machine when its guest touches unplugged memory.
    public var onViolation: ViolationAction
    /// Whether a driver may rely on reading unplugged memory.
    public var unpluggedInaccessible: UnpluggedAccess
    /// The longest time in milliseconds after which a driver that has not done what is requested is reminded; 0 for
    /// never.
    public var retryInterval: UInt64
    /// What its memory is made of.
    public var backend: MemoryBackend

    /// The block size where none is given and the backend's pages are not larger: one huge page.
    public static let defaultBlockSize: UInt64 = .mebibytes(2)
    /// The retry interval where none is given, in milliseconds.
    public static let defaultRetryInterval: UInt64 = 1000

    /// - Parameter blockSize: nil for `defaultBlockSize`, or the backend's page where that is larger.
    public init(
        id: String, size: UInt64, blockSize: UInt64? = nil, node: UInt32 = 0, requestedSize: UInt64 = 0,
        slotSize: UInt64? = nil, onViolation: ViolationAction = .stop, unpluggedInaccessible: UnpluggedAccess = .on,
        retryInterval: UInt64 = defaultRetryInterval, backend: MemoryBackend = MemoryBackend()
    ) {
        self.id = id
        self.size = size
        self.blockSize = blockSize ?? max(Self.defaultBlockSize, backend.pageSize)
        self.node = node
        self.requestedSize = requestedSize
        self.slotSize = slotSize
        self.onViolation = onViolation
        self.unpluggedInaccessible = unpluggedInaccessible
        self.retryInterval = retryInterval
        self.backend = backend
    }
}
