/// What guest memory is made of on the host, and how the host provides it.
///
/// ```swift
/// device.backend = MemoryBackend(.hugetlbfs, hugePageSize: .oneGibibyte, prealloc: true)
/// ```
public struct MemoryBackend: Sendable, Equatable {
    /// Where the memory comes from.
    public enum Kind: String, Sendable, CaseIterable {
        /// Private memory of the process.
        case anonymous
        /// A file without a name that exists in memory only.
        case memfd
        /// Pages of the host's huge page pools: from an own file without a name, or from a mount at `path`.
        case hugetlbfs
        /// A file at `path` or, where that is a directory, one without a name in it. Memory is as large as the disk.
        case file
    }

    /// Pages of a huge page pool.
    public enum HugePageSize: UInt64, Sendable, CaseIterable {
        case twoMebibytes = 0x20_0000
        case oneGibibyte = 0x4000_0000
    }

    /// How pages are spread over the host's NUMA nodes (mbind(2)).
    public enum Policy: String, Sendable, CaseIterable {
        /// From these nodes alone.
        case bind
        /// From this node while it has memory left, else from others.
        case preferred
        /// From each of these nodes in turn.
        case interleave
    }

    public var kind: Kind
    /// A directory or file, for `file` and `hugetlbfs`.
    public var path: String?
    /// Number of the descriptor of what is behind `path`, where it was opened for the machine already; it stays the
    /// opener's. Where it is nil, the machine opens the path itself.
    public var descriptor: Int32?
    /// Whether other processes that have the file see what the guest writes; always false for anonymous memory.
    public var isShared: Bool
    /// Nil stands for 2 MiB with `hugetlbfs`, and for base pages else.
    public var hugePageSize: HugePageSize?
    /// Whether the host may use transparent huge pages.
    public var transparentHugePages: Bool
    /// Whether memory is populated before the guest gets it, so that it can't run out of it later: boot memory at the
    /// start, a block when it is plugged.
    public var prealloc: Bool
    /// Whether the host accounts for the whole size at the start, or refuses it.
    public var reserve: Bool
    /// Numbers of the host's nodes that memory comes from; empty for no policy.
    public var hostNodes: [UInt32]
    /// Counts with `hostNodes` only.
    public var policy: Policy

    /// - Parameters: those that are nil are as usual for the kind: files are shared, and transparent huge pages are on
    ///   but for `hugetlbfs`, which needs none, and is populated: a pool is soon empty, and a guest that needs a page then
    ///   waits without a word.
    public init(
        _ kind: Kind = .anonymous, path: String? = nil, descriptor: Int32? = nil, isShared: Bool? = nil,
        hugePageSize: HugePageSize? = nil, transparentHugePages: Bool? = nil, prealloc: Bool? = nil,
        reserve: Bool = false, hostNodes: [UInt32] = [], policy: Policy = .bind
    ) {
        self.kind = kind
        self.path = path
        self.descriptor = descriptor
        self.isShared = isShared ?? (kind != .anonymous)
        self.hugePageSize = hugePageSize
        self.transparentHugePages = transparentHugePages ?? (kind != .hugetlbfs)
        self.prealloc = prealloc ?? (kind == .hugetlbfs)
        self.reserve = reserve
        self.hostNodes = hostNodes
        self.policy = policy
    }

    /// Bytes of its pages, which sizes are multiples of.
    public var pageSize: UInt64 {
        kind == .hugetlbfs ? (hugePageSize ?? .twoMebibytes).rawValue : MemoryDevice.minimumBlockSize
    }
}
