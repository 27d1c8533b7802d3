import CLinux
import SystemPackage

/// A counter that wakes whoever waits for its descriptor (`eventfd(2)`).
///
/// KVM writes to one on a guest's notification (ioeventfd), and takes one as an interrupt line (irqfd).
public final class EventDescriptor: Sendable {
    private let owned: OwnedFileDescriptor

    /// The descriptor to wait for or to hand to the kernel; valid as long as this object lives.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// - Throws: `SystemCallError` (EMFILE, ENFILE, ENOMEM).
    public init() throws(SystemCallError) {
        owned = try OwnedFileDescriptor(result: Int(cl_eventfd(0)), of: "eventfd")
    }

    /// Adds one to the counter. It never blocks: a counter is full after 2^64 - 2 signals that nobody takes, which nobody
    /// lives to see.
    public func signal() {
        var one: UInt64 = 1
        _ = unsafe cl_write(owned.rawValue, &one, 8)
    }

    /// Takes what has been added since the last time; 0 when nothing has.
    @discardableResult public func drain() -> UInt64 {
        var count: UInt64 = 0
        return unsafe cl_read(owned.rawValue, &count, 8) == 8 ? count : 0
    }

    /// Whether the counter is not 0, which it then stays.
    public var isSignalled: Bool { cl_wait_readable_within(owned.rawValue, 0) != 0 }

    /// Waits until the counter is not 0, and takes it, for some milliseconds at most.
    ///
    /// - Returns: whether it has taken something.
    public func wait(milliseconds: Int32) -> Bool {
        cl_wait_readable_within(owned.rawValue, milliseconds) != 0 && drain() != 0
    }

    /// Waits until the counter is not 0, and takes it.
    public func wait() {
        repeat {
            cl_wait_readable(owned.rawValue)
        } while drain() == 0
    }
}
