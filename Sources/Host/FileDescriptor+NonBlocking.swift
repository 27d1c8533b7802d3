import Glibc
import CLinux
import SystemPackage

extension FileDescriptor {
    /// Makes reads and writes fail with EAGAIN instead of waiting, for all who share the open file.
    public func makeNonBlocking() throws(SystemCallError) {
        let result = cl_make_nonblocking(rawValue)
        if result < 0 {
            throw SystemCallError("fcntl", Errno(rawValue: -result), subject: "O_NONBLOCK")
        }
    }

    /// Makes reads and writes wait, for all who share the open file.
    public func makeBlocking() throws(SystemCallError) {
        let result = cl_make_blocking(rawValue)
        if result < 0 {
            throw SystemCallError("fcntl", Errno(rawValue: -result), subject: "O_NONBLOCK")
        }
    }

    /// A descriptor of the same terminal or pipe that does not block, whoever else shares this one: the shell's own
    /// standard input must not change. Files never block and are only duplicated, so that their position is shared.
    public func reopenedWithoutBlocking(
        _ mode: FileDescriptor.AccessMode
    ) throws(SystemCallError) -> OwnedFileDescriptor {
        let isFile = (try? seek(offset: 0, from: .current)) != nil
        if !isFile,
            let reopened = try? OwnedFileDescriptor(
                opening: FilePath("/proc/self/fd/\(rawValue)"), mode,
                options: [.nonBlocking, .init(rawValue: O_NOCTTY)])
        {
            return reopened
        }
        // A socket can't be opened again. It is rarely anybody else's.
        return try OwnedFileDescriptor(duplicating: self)
    }

    /// Accepts a connection to a listening socket (`accept4(2)`); it does not block.
    ///
    /// - Throws: `SystemCallError` (EAGAIN where there is none, EMFILE).
    public func acceptConnection() throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(result: Int(cl_accept(rawValue)), of: "accept4")
    }
}
