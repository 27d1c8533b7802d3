import CLinux
import SystemPackage

/// Unix stream sockets by path (`unix(7)`).
public enum UnixSocket {
    /// Makes a socket at a path that does not exist yet, for its owner alone, and listens there.
    ///
    /// - Throws: `SystemCallError`, EADDRINUSE where something has that path.
    public static func listen(at path: FilePath) throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(result: Int(unsafe cl_listen(path.string)), of: "bind", subject: path.string)
    }

    /// Connects to whoever listens at a path.
    ///
    /// - Throws: `SystemCallError`: ENOENT, and ECONNREFUSED where nobody listens any more.
    public static func connect(to path: FilePath) throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(result: Int(unsafe cl_connect(path.string)), of: "connect", subject: path.string)
    }

    /// Connects without waiting; the connection does not block.
    ///
    /// - Throws: `SystemCallError` as `connect(to:)` does, and EAGAIN where so many wait to be accepted that it would
    ///   have to wait.
    public static func connectAtOnce(to path: FilePath) throws(SystemCallError) -> OwnedFileDescriptor {
        try OwnedFileDescriptor(
            result: Int(unsafe cl_connect_at_once(path.string)), of: "connect", subject: path.string)
    }

    /// Whether a process listens at a path.
    ///
    /// - Throws: `SystemCallError` where that can't be found out.
    public static func isListenedAt(_ path: FilePath) throws(SystemCallError) -> Bool {
        let result = unsafe cl_is_listened_at(path.string)
        guard result >= 0 else {
            throw SystemCallError("connect", Errno(rawValue: -result), subject: path.string)
        }
        return result > 0
    }

    /// Removes a socket that a dead process left behind. What somebody listens at stays, and what is no socket.
    ///
    /// - Returns: whether the path is free now because of that.
    @discardableResult public static func removeLeftover(at path: FilePath) -> Bool {
        guard (try? Stat(path, followTargetSymlink: false))?.type == .socket, (try? isListenedAt(path)) == false else {
            return false
        }
        return (try? path.removeFile()) != nil
    }
}
