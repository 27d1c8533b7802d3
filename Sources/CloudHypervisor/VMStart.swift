/// What a machine is started with.
public struct VMStart: Sendable {
    /// Options of `swiftlet run`.
    public var arguments: [String]
    /// What clients passed to it; options name them by their numbers there, which begin at `VMHost.firstPassedNumber`.
    public var descriptors: [any PassedDescriptor]
    /// Whether one of the guest's consoles is on the server's standard input and output.
    public var usesTerminal: Bool
    /// Which of `serial` and `console` are on a pseudo-terminal, whose path is to be found out.
    public var terminals: [String]
}
