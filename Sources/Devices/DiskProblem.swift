import SystemPackage

/// Why the host did not carry out a guest's request.
public enum DiskProblem: Sendable, Equatable, CustomStringConvertible {
    case host(DiskAccess, Errno)
    /// The file ends before the disk does: somebody made it shorter.
    case endOfFile
    /// A flush failed before: some of what was written is lost, and the host's kernel does not say so again.
    case lostWrites

    public enum DiskAccess: String, Sendable {
        case read, write, flush, discard
        case writeZeroes = "zero"
    }

    public var description: String {
        switch self {
        case .host(let access, let errno): "\(access.rawValue): \(errno)"
        case .endOfFile: "read: the file is shorter than it was"
        case .lostWrites: "flush: one failed before, so that some of what was written is lost"
        }
    }
}
