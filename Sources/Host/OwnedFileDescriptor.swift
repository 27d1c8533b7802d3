import CLinux
import SystemPackage

/// A file descriptor with one owner: it is closed when the owner is gone, once.
public struct OwnedFileDescriptor: ~Copyable, Sendable {
    /// The descriptor, to pass to a call; it is valid as long as this value lives.
    public let descriptor: FileDescriptor

    /// Takes ownership of an open descriptor.
    public init(_ descriptor: FileDescriptor) {
        self.descriptor = descriptor
    }

    /// Takes ownership of what a system call returned: a descriptor, or a negated `errno`.
    ///
    /// - Throws: `SystemCallError` with the call's name where the value is negative.
    public init(
        result: Int, of call: @autoclosure () -> String, subject: @autoclosure () -> String = ""
    ) throws(SystemCallError) {
        guard result >= 0 else {
            throw SystemCallError(call(), Errno(rawValue: CInt(-result)), subject: subject())
        }
        descriptor = FileDescriptor(rawValue: CInt(result))
    }

    /// Opens the same file once more, for an owner of its own; position and flags stay common.
    ///
    /// - Throws: `SystemCallError` (EMFILE).
    public init(duplicating descriptor: FileDescriptor) throws(SystemCallError) {
        try self.init(result: Int(cl_duplicate(descriptor.rawValue)), of: "fcntl", subject: "F_DUPFD_CLOEXEC")
    }

    /// The descriptor's number, as the kernel knows it.
    public var rawValue: CInt { descriptor.rawValue }

    /// Gives the descriptor away; the caller closes it.
    public consuming func release() -> FileDescriptor {
        let released = descriptor
        discard self
        return released
    }

    deinit {
        // An error of close(2) leaves nothing to do: the descriptor is gone either way.
        try? descriptor.close()
    }
}
