/// A directory of the host that a guest can mount (virtio-fs). Another process, virtiofsd, serves it.
public struct FileSystem: Sendable, Equatable {
    /// Who serves it.
    public enum Source: Sendable, Equatable {
        /// Whoever listens at a Unix socket (`--fs`).
        case socket(path: String)
        /// A virtiofsd that is started for a directory, and ends with the machine (`--share`).
        case directory(path: String, isReadOnly: Bool)
    }

    /// How users name it: letters, digits, `-`, `_` and `.`.
    public var id: String
    /// What a guest mounts it by: 1 to 36 bytes.
    public var tag: String
    public var source: Source
    /// The connection to who serves it; nil to have the socket connected to. A directory needs one.
    public var descriptor: Int32?
    /// A pipe out of which comes what a virtiofsd that was started complains about; nil for none.
    public var messages: Int32?
    /// Queues for requests; there is one more for those with priority.
    public var queueCount: Int
    /// Descriptors of each queue, a power of two.
    public var queueSize: UInt16

    public static let defaultQueueSize: UInt16 = 1024

    public init(
        id: String, tag: String, source: Source, descriptor: Int32? = nil, messages: Int32? = nil, queueCount: Int = 1,
        queueSize: UInt16 = defaultQueueSize
    ) {
        self.id = id
        self.tag = tag
        self.source = source
        self.descriptor = descriptor
        self.messages = messages
        self.queueCount = queueCount
        self.queueSize = queueSize
    }

    /// The socket or the directory.
    public var path: String {
        get {
            switch source {
            case .socket(let path), .directory(let path, _): path
            }
        }
        set {
            switch source {
            case .socket: source = .socket(path: newValue)
            case .directory(_, let isReadOnly): source = .directory(path: newValue, isReadOnly: isReadOnly)
            }
        }
    }

    /// The socket that it can be reached at; nil for a directory.
    public var socketPath: String? {
        if case .socket(let path) = source { path } else { nil }
    }
}
