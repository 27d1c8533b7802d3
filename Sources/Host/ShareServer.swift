import CLinux
import Glibc
import SystemPackage

/// A program that serves a directory to one client, started by this process.
///
/// It has a listening socket with the client's connection waiting in it, and ends by itself when that is closed, in
/// whichever process: nobody has to end it.
public struct ShareServer: ~Copyable {
    /// The client's end of the connection.
    private let connection: OwnedFileDescriptor
    public let process: Int32

    /// The number that the listening socket has in the program.
    public static let listenerNumber = 3

    /// Starts a program. It gets standard input from `/dev/null`, a session of its own, and nothing of this process's but
    /// the socket. The process must have no other thread.
    ///
    /// - Parameters:
    ///   - arguments: without the program's own name.
    ///   - directory: what is mounted read-only, where that is asked for.
    ///   - errors: takes what it writes.
    ///   - hasUser: whether it gets a user name space, in which this process's user is root.
    /// - Throws: `SystemCallError` with the step that failed.
    public init(
        _ program: FilePath, _ arguments: [String], directory: FilePath, isReadOnly: Bool, hasUser: Bool,
        errors: FileDescriptor
    ) throws(SystemCallError) {
        // A listening socket that nobody else can reach, and a connection that waits in its queue.
        let place = try FilePath.makeTemporaryDirectory("swiftlet", in: "/tmp")
        let path = place.appending("socket")
        defer {
            try? path.removeFile()
            try? place.removeDirectory()
        }
        let listener = try UnixSocket.listen(at: path)
        let connection = try UnixSocket.connect(to: path)
        var failure = unsafe cl_share_failure()
        let child = unsafe ProcessImage.withArgumentVector([program.lastComponent?.string ?? ""] + arguments) {
            vector in
            unsafe program.string.withCString { program in
                unsafe directory.string.withCString { directory in
                    var server = unsafe cl_share_server(
                        program: program, arguments: vector, listener: listener.rawValue, errors: errors.rawValue,
                        directory: directory, is_read_only: isReadOnly, has_user: hasUser)
                    return unsafe cl_start_share_server(&server, &failure)
                }
            }
        }
        guard child > 0 else {
            throw SystemCallError(
                unsafe String(cString: failure.call), Errno(rawValue: unsafe failure.error), subject: program.string)
        }
        process = child
        self.connection = connection
    }

    /// Gives the client's end of the connection away.
    public consuming func takeConnection() -> OwnedFileDescriptor { connection }
}
