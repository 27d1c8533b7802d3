import SystemPackage

/// What a mapping is made of, and how the host provides it.
public struct MemoryBacking: Sendable {
    /// On which of the host's nodes memory is placed.
    public struct Placement: Sendable, Equatable {
        /// How it is spread over the nodes; values as `linux/mempolicy.h` numbers them.
        public enum Policy: CInt, Sendable {
            case preferred = 1
            case bind = 2
            case interleave = 3
        }

        public var policy: Policy
        /// Numbers of the nodes, all of them below 1024.
        public var nodes: [UInt32]

        public init(_ policy: Policy, nodes: [UInt32]) {
            self.policy = policy
            self.nodes = nodes
        }
    }

    /// Nil for private memory of the process.
    public var file: MemoryFile?
    /// Where the mapping begins in the file, in bytes.
    public var fileOffset: UInt64
    /// Whether what is written goes to the file; else the mapping keeps it to itself.
    public var isShared: Bool
    /// Whether the host may use transparent huge pages; without effect on files of huge pages.
    public var transparentHugePages: Bool
    /// Whether the host accounts for the whole size when it is mapped.
    public var reserve: Bool
    /// Nil for wherever the host likes.
    public var placement: Placement?

    public init(
        file: MemoryFile? = nil, fileOffset: UInt64 = 0, isShared: Bool = false, transparentHugePages: Bool = true,
        reserve: Bool = false, placement: Placement? = nil
    ) {
        self.file = file
        self.fileOffset = fileOffset
        self.isShared = isShared
        self.transparentHugePages = transparentHugePages
        self.reserve = reserve
        self.placement = placement
    }

    /// Bytes of its pages: ranges that are discarded and protected are multiples.
    public var pageSize: UInt64 { file?.pageSize ?? hostPageSize }

    /// The file, where other processes that are given it see what is written; nil where there is none, or they don't.
    public var sharedFile: FileDescriptor? { isShared ? file?.descriptor : nil }

    var isHuge: Bool { file?.isHuge ?? false }

    /// Whether its pages take memory that the host can't write to a disk instead.
    var takesMemory: Bool { !isHuge && (!isShared || file?.isMemory ?? true) }
}
