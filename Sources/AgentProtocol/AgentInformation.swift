/// Who answers.
public struct AgentInformation: Sendable, Equatable {
    /// The kernel's release, as `uname -r` says it.
    public var kernel: String
    /// The agent's process; 1 where it is the first one.
    public var process: UInt32
    /// Commands that run.
    public var commands: UInt32

    public init(kernel: String, process: UInt32, commands: UInt32) {
        self.kernel = kernel
        self.process = process
        self.commands = commands
    }
}
