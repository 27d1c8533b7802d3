import SystemPackage

/// A call to the host's kernel that failed: which one, for what, and why.
public struct SystemCallError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system call or ioctl, by the name of its manual page, such as `mmap` or `KVM_CREATE_VM`.
    public let call: String
    /// What it was asked to work on, such as a path; empty where the call's name says enough.
    public let subject: String
    /// The kernel's reason.
    public let errno: Errno

    public init(_ call: String, _ errno: Errno, subject: String = "") {
        self.call = call
        self.errno = errno
        self.subject = subject
    }

    public var description: String {
        subject.isEmpty ? "\(call): \(errno)" : "\(call) \(subject): \(errno)"
    }
}
