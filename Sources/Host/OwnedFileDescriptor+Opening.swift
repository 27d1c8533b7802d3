import CLinux
import Glibc
import SystemPackage

extension OwnedFileDescriptor {
    /// Opens a file, close-on-exec (`open(2)`).
    ///
    /// - Parameter permissions: of a file that is created; the process's umask takes its part away.
    public init(
        opening path: FilePath, _ mode: FileDescriptor.AccessMode, options: FileDescriptor.OpenOptions = [],
        permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]
    ) throws(SystemCallError) {
        do {
            self.init(
                try FileDescriptor.open(
                    path, mode, options: options.union(.closeOnExec),
                    permissions: options.contains(.create) ? permissions : nil))
        } catch {
            throw SystemCallError("open", (error as? Errno) ?? .ioError, subject: path.string)
        }
    }

    /// Makes an empty file that exists in memory only and can be sealed (`memfd_create(2)`).
    public init(memoryFile name: String) throws(SystemCallError) {
        try self.init(result: Int(unsafe cl_memory_file(name)), of: "memfd_create", subject: name)
    }

    /// Waits until all that was written is on the disk (`fsync(2)`).
    public func synchronize() throws(SystemCallError) {
        guard fsync(rawValue) == 0 else {
            throw SystemCallError("fsync", Errno(rawValue: errno))
        }
    }

    /// Takes the lock of a whole file (`fcntl(2)`, open file description locks). It lasts until the last descriptor of
    /// this opening is closed, in whichever process.
    ///
    /// - Returns: false where another opening has it.
    public func claim() throws(SystemCallError) -> Bool {
        let result = cl_claim_file(rawValue)
        guard result == 0 || result == -EAGAIN else {
            throw SystemCallError("fcntl", Errno(rawValue: -result), subject: "F_OFD_SETLK")
        }
        return result == 0
    }

    /// Whether another opening of the file has its lock.
    public func isClaimedElsewhere() throws(SystemCallError) -> Bool {
        let result = cl_is_file_claimed(rawValue)
        guard result >= 0 else { throw SystemCallError("fcntl", Errno(rawValue: -result), subject: "F_OFD_GETLK") }
        return result > 0
    }

    /// Makes a file in memory unchangeable, for whoever has a descriptor of it.
    public func seal() throws(SystemCallError) {
        let result = cl_seal(rawValue)
        if result < 0 {
            throw SystemCallError("fcntl", Errno(rawValue: -result), subject: "F_ADD_SEALS")
        }
    }
}
