import CLinux
import Glibc
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

    /// The same, where what a dead process left at the path makes way. What somebody listens at stays, and what is no
    /// socket.
    ///
    /// - Throws: `SystemCallError`, EADDRINUSE where something has that path.
    public static func listen(replacingLeftoverAt path: FilePath) throws(SystemCallError) -> OwnedFileDescriptor {
        // Who looks at the same time must not remove what was made meanwhile, or is about to listen.
        let lock = lockDirectory(of: path)
        defer { withExtendedLifetime(lock) {} }
        do throws(SystemCallError) {
            return try listen(at: path)
        } catch {
            guard error.errno == .addressInUse else { throw error }
        }
        if (try? Stat(path, followTargetSymlink: false))?.type == .socket, (try? isListenedAt(path)) == false {
            try? path.removeFile()
        }
        return try listen(at: path)
    }

    /// Locks a path's directory against others that replace something in it. Somebody who never gives it back keeps nobody
    /// from going on without.
    private static func lockDirectory(of path: FilePath) -> SharedFileDescriptor? {
        let parent = path.removingLastComponent()
        guard
            let directory = try? OwnedFileDescriptor(
                opening: parent.isEmpty ? "." : parent, .readOnly, options: .directory)
        else { return nil }
        for _ in 0..<lockTries {
            let result = cl_lock_directory(directory.rawValue)
            // Some file systems have no locks.
            guard result == -EWOULDBLOCK || result == -EINTR else { break }
            usleep(lockPause)
        }
        return SharedFileDescriptor(directory)
    }

    /// How often a lock is tried, and microseconds between two tries.
    private static let lockTries = 200
    private static let lockPause: UInt32 = 5_000
}
