/// What a run of scenarios has found: all that any form of report is made of.
public struct TestReport: Sendable, Equatable {
    /// Swiftlet's version.
    public var version: String
    public var host: TestHost
    /// When the run began, in microseconds since 1970.
    public var started: UInt64
    /// How long it took.
    public var milliseconds: UInt64
    /// What all that is random in the run was drawn from.
    public var seed: UInt64
    public var cases: [CaseReport]

    public init(
        version: String, host: TestHost, started: UInt64, milliseconds: UInt64 = 0, seed: UInt64,
        cases: [CaseReport] = []
    ) {
        self.version = version
        self.host = host
        self.started = started
        self.milliseconds = milliseconds
        self.seed = seed
        self.cases = cases
    }
}
