import CGuest
import Host
import SystemPackage

/// The processes that this one has started, and, of the first process, all whose parents are gone.
public enum ChildProcesses {
    public struct Ending: Sendable, Equatable {
        public let process: Int32
        /// The signal that ended it, or 0.
        public let signal: UInt8
        public let status: UInt8
    }

    /// Takes note of one that has ended; nil where none has.
    public static func reap() -> Ending? {
        var (signal, status): (CInt, CInt) = (0, 0)
        let process = unsafe cg_reap(&signal, &status)
        guard process > 0 else { return nil }
        return Ending(
            process: process, signal: UInt8(truncatingIfNeeded: signal), status: UInt8(truncatingIfNeeded: status))
    }

    /// What `fork` returns in either process.
    public enum Side {
        case parent(child: Int32)
        /// It has one descriptor beside the standard ones, which blocks.
        case child(FileDescriptor)
    }

    /// Goes on in a second process (`fork(2)`). To be called by processes with one thread.
    ///
    /// - Parameter descriptor: the one that the child gets.
    public static func fork(with descriptor: FileDescriptor) throws(SystemCallError) -> Side {
        let child = cg_fork(descriptor.rawValue)
        guard child >= 0 else { throw SystemCallError("fork", Errno(rawValue: -child)) }
        return child == 0
            ? .child(FileDescriptor(rawValue: CInt(CG_FORKED_DESCRIPTOR))) : .parent(child: child)
    }
}
