import SystemPackage

/// What tells whether a file was changed since it was put into the cache: its size and times. The change time, other than
/// the time of the last modification, nobody can set back. (Numbers of device and inode would differ where the same files
/// are mounted elsewhere.)
struct KernelSeal: Equatable {
    /// A line of numbers.
    let text: String

    init(_ status: Stat) {
        let numbers = [
            Int(status.size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
            status.st_ctim.tv_nsec,
        ]
        text = numbers.map { String($0) }.joined(separator: " ") + "\n"
    }
}
