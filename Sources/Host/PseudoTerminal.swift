import CLinux
import SystemPackage

/// A new pseudo-terminal in raw mode: what somebody writes to its path can be read from the descriptor, and the
/// other way round.
public struct PseudoTerminal: ~Copyable {
    /// The master; reads and writes do not block.
    public let master: OwnedFileDescriptor
    /// The other end, such as `/dev/pts/3`.
    public let path: String

    /// Gives the master away; the caller closes it.
    public consuming func takeMaster() -> FileDescriptor {
        master.release()
    }

    /// - Throws: `SystemCallError` where the host has no more pseudo-terminals.
    public init() throws(SystemCallError) {
        var result: CInt = 0
        path = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            unsafe buffer.initialize(repeating: 0)
            result = unsafe cl_pseudo_terminal(buffer.baseAddress, buffer.count)
            return unsafe String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        master = try OwnedFileDescriptor(result: Int(result), of: "posix_openpt")
    }
}
