import SystemPackage

/// Why a file can't be a disk.
public enum DiskFileError: Error, Sendable, Equatable, CustomStringConvertible {
    case host(SystemCallError)
    /// It can be read, but not be written.
    case notWritable(Errno)
    case directory
    /// A pipe, a terminal or the like.
    case noDisk
    /// It has less than a sector of 512 bytes.
    case empty
    /// Somebody has it, in this process or another: for writing, or to read what would be written here.
    case inUse(writes: Bool)
    /// It is a block device that is mounted, a part of a volume, or opened by a program that wants it for itself.
    case usedByHost
    /// Its file system reads and writes through its cache only.
    case noDirectAccess(Errno)

    public var description: String {
        switch self {
        case .host(let error): error.call == "open" ? "cannot be opened: \(error.errno)" : error.description
        case .notWritable(let errno): "cannot be opened for writing: \(errno); readonly=on only reads it"
        case .directory: "a directory, where a disk's image or a block device is wanted"
        case .noDisk: "neither a regular file nor a block device"
        case .empty: "the image has less than 512 bytes ('truncate -s 1G FILE' makes one)"
        case .inUse(writes: true): "another disk or program has the image; only disks with readonly=on can share one"
        case .inUse(writes: false): "another disk or program writes to the image"
        case .usedByHost: "the host uses the device: it is mounted, or belongs to a volume or a program"
        case .noDirectAccess(let errno): "direct=on: its file system has no direct access: \(errno)"
        }
    }
}
