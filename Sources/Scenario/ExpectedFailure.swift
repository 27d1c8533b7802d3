import TestReport

/// How a scenario is to fail.
public struct ExpectedFailure: Sendable, Equatable {
    public var kind: CaseFailure.Kind
    /// What the message has in it.
    public var message: String
}
