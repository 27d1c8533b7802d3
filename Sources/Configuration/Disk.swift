/// A disk of the guest: an image or a block device of the host (virtio-block).
public struct Disk: Sendable, Equatable {
    /// How users name it: letters, digits, `-`, `_` and `.`.
    public var id: String
    public var path: String
    /// The open file behind the path; nil to have it opened.
    public var descriptor: Int32?
    public var isReadOnly: Bool
    /// Whether reads and writes go past the host's cache.
    public var isDirect: Bool
    /// What the guest gets as its serial number, at most 20 bytes.
    public var serial: String
    public var queueCount: Int
    /// Descriptors of each queue, a power of two: about as many requests are under way at a time.
    public var queueSize: UInt16
    /// Whether what the guest discards is given back to the host.
    public var discards: Bool
    public var cache: DiskCache

    public static let defaultQueueSize: UInt16 = 256

    public init(
        id: String, path: String, descriptor: Int32? = nil, isReadOnly: Bool = false, isDirect: Bool = false,
        serial: String = "", queueCount: Int = 1, queueSize: UInt16 = defaultQueueSize, discards: Bool = true,
        cache: DiskCache = .writeback
    ) {
        self.id = id
        self.path = path
        self.descriptor = descriptor
        self.isReadOnly = isReadOnly
        self.isDirect = isDirect
        self.serial = serial
        self.queueCount = queueCount
        self.queueSize = queueSize
        self.discards = discards
        self.cache = cache
    }
}
