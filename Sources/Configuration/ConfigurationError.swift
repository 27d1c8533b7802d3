/// A configuration that can't be: which part of it, what was given, and what is allowed.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The part of the configuration, as the command line names it, such as `--virtio-mem vm0`.
    public let option: String
    /// What was given and what is allowed instead.
    public let problem: String

    public init(_ option: String, _ problem: String) {
        self.option = option
        self.problem = problem
    }

    public var description: String { "\(option): \(problem)" }
}
