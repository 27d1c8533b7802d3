import CLinux
import SystemPackage

/// A descriptor that becomes readable at a time, to the nanosecond as far as the kernel can (`timerfd_create(2)`). Setting it
/// allocates nothing.
public final class TimerDescriptor: Sendable {
    private let owned: OwnedFileDescriptor

    /// The descriptor to wait for; valid as long as this object lives.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemCallError) {
        owned = try OwnedFileDescriptor(result: Int(cl_timerfd()), of: "timerfd_create")
    }

    /// Takes back what was set before. Whoever waits for more to become readable needn't read it.
    public func set(to instant: MonotonicInstant) {
        cl_timerfd_set(owned.rawValue, instant.nanoseconds)
    }
}
