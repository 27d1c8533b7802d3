/// Why a file can't back memory.
public enum MemoryFileError: Error, Sendable, Equatable, CustomStringConvertible {
    case host(SystemCallError)
    /// A device, a pipe or the like.
    case notRegular
    /// It has contents, which would be lost.
    case holdsData
    /// Another machine has it.
    case inUse
    /// The file system of a directory has no files without a name.
    case noUnnamedFiles
    /// The file system can't give parts of a file back.
    case keepsEverything
    /// A file of huge pages where another one is wanted.
    case onHugePages
    /// No file of huge pages where one is wanted.
    case noMountOfHugePages
    /// A mount of huge pages of another size, in bytes.
    case pageSize(ofMount: UInt64)
    /// The host has no huge pages of the wanted size.
    case noHugePages(SystemCallError)

    public var description: String {
        switch self {
        case .host(let error): error.call == "open" ? "cannot be opened: \(error.errno)" : error.description
        case .notRegular: "neither a directory nor a regular file"
        case .holdsData:
            "the file holds data, which would be lost: remove it, or give another path (a machine that was killed leaves"
                + " its file behind)"
        case .inUse: "another machine's memory is in this file: give another path"
        case .noUnnamedFiles: "this directory's file system has no files without a name: give the path of a file"
        case .keepsEverything:
            "this file system can't give parts of a file back (FALLOC_FL_PUNCH_HOLE): tmpfs, ext4, xfs and btrfs can"
        case .onHugePages: "a hugetlbfs mount: use backend=hugetlbfs for it"
        case .noMountOfHugePages:
            "not on a hugetlbfs mount: leave path out, or mount one (mount -t hugetlbfs -o pagesize=2M none DIRECTORY)"
        case .pageSize(let size): "the mount has pages of \(size >> 20)M: give hugepages=\(size >> 20)M"
        case .noHugePages(let error):
            "the host has no huge pages of this size: \(error.errno) ('swiftlet doctor' lists the pools)"
        }
    }
}
