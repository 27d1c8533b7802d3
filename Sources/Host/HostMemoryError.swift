import CLinux
import SystemPackage

/// A page of the process whose hardware is broken, as the kernel reports it (SIGBUS with BUS_MCEERR_AR or
/// BUS_MCEERR_AO). What it held is lost.
public struct HostMemoryError: Sendable, Equatable {
    /// The process's address of the page.
    public let address: UInt64
    /// Whether somebody accessed it; else the kernel found it by itself.
    public let isByAccess: Bool

    /// The errors that are reported from some time on, to one reader.
    public struct Reader: Sendable {
        private var next = cl_memory_error_count()

        public init() {}

        /// The next error; nil when there is none now. Of many at once, the oldest are left out.
        public mutating func read() -> HostMemoryError? {
            while next < cl_memory_error_count() {
                defer { next += 1 }
                var error = cl_memory_error()
                if unsafe cl_memory_error(next, &error) != 0 {
                    return HostMemoryError(address: error.address, isByAccess: error.by_access)
                }
            }
            return nil
        }
    }

    /// A descriptor of the process that has `EventLoop.Readiness.moreReadable` with each error; nobody reads it. The
    /// calling thread, and those that it makes later, are told of errors that they have not accessed yet, too. The
    /// handlers of SIGBUS that accesses to guest memory need must be installed.
    public static func watch() throws(SystemCallError) -> FileDescriptor {
        let result = cl_watch_memory_errors()
        guard result >= 0 else { throw SystemCallError("eventfd", Errno(rawValue: -result)) }
        return FileDescriptor(rawValue: result)
    }

    /// The address of the error that has interrupted a system call of this thread since this was last asked; nil for
    /// none.
    public static func takeOwnAddress() -> UInt64? {
        let address = cl_take_own_memory_error()
        return address == 0 ? nil : address
    }
}
