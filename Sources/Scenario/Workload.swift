/// A program in the guest that keeps memory busy until it is told to end.
public struct Workload: Sendable, Equatable {
    /// What memory-load can do: see GuestImages/tools/memory_load.c.
    public enum Kind: String, Sendable, CaseIterable {
        /// Memory of a program, with a pattern in it that is verified.
        case pattern
        case anonymous
        /// In huge pages where the kernel has some.
        case hugePages = "thp"
        case hugetlb
        /// Locked, so that it can be moved but not given back.
        case locked = "mlock"
        /// Clean pages of a file, and pages that are written all the time.
        case pageCache = "page-cache"
        case dirty
        /// The kernel's own, which can't be moved.
        case kernel
        case slab
        /// Programs that start, end, map and unmap.
        case stress

        /// Whether it is about a file.
        var needsDisk: Bool { self == .pageCache || self == .dirty }
    }

    public var kind: Kind
    /// What later steps call it.
    public var name: String
    /// Bytes.
    public var size: Expression
    /// The guest's node that the memory comes from; nil for any.
    public var node: UInt32?
}
