/// A command to run.
public struct ExecRequest: Sendable, Equatable {
    /// The program and its arguments; one without a slash is looked for in `PATH`.
    public var arguments: [String]
    /// Variables as `NAME=VALUE`, beside the agent's own `PATH`, `HOME` and, with a terminal, `TERM`.
    public var environment: [String]
    /// Empty for the root directory.
    public var directory: String
    /// `USER` or `USER:GROUP`, by name or number; empty for the agent's own.
    public var user: String
    /// Whether the client sends input; there is none otherwise.
    public var hasInput: Bool
    /// The terminal that the command gets; nil for separate streams.
    public var terminal: WindowSize?
    /// Whether it runs on without a client: then it has neither input nor a terminal, whatever is said here, nor anybody to
    /// read what it writes.
    public var isDetached: Bool

    public init(
        _ arguments: [String], environment: [String] = [], directory: String = "", user: String = "",
        hasInput: Bool = false, terminal: WindowSize? = nil, isDetached: Bool = false
    ) {
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.user = user
        self.hasInput = hasInput
        self.terminal = terminal
        self.isDetached = isDetached
    }
}
