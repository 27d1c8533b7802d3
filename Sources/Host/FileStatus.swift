import CLinux
import Glibc

/// What is known of a file without opening it (`inode(7)`).
public struct FileStatus: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case file, directory, link, other
    }

    public let kind: Kind
    /// Permissions, and the bits for set-user-ID, set-group-ID and sticky.
    public let mode: UInt16
    /// When it was last written, since 1970.
    public let seconds: Int64
    public let nanoseconds: UInt32
    /// What tells this file from any other that exists at the same time.
    public let device: UInt64
    public let inode: UInt64

    init(_ status: cl_file_status) {
        switch status.mode & UInt32(S_IFMT) {
        case UInt32(S_IFREG): kind = .file
        case UInt32(S_IFDIR): kind = .directory
        case UInt32(S_IFLNK): kind = .link
        default: kind = .other
        }
        mode = UInt16(status.mode & 0o7777)
        seconds = status.seconds
        nanoseconds = status.nanoseconds
        device = status.device
        inode = status.inode
    }
}
