/// A command that the guest's agent runs with sh -c, and what is expected of it.
public struct GuestCommand: Sendable {
    public var command: String
    /// Its exit status; nil for any.
    public var status: Int32? = 0
    public var output: [TextCheck] = []
    public var errors: [TextCheck] = []
    /// By what name the number that it writes is kept.
    public var keptAs: String?
    /// Whether it makes the guest start anew, by a reboot, kexec or a crash: the step ends when the agent answers again.
    public var restarts = false
}
