/// A scenario with one choice of its matrix.
public struct ScenarioCase: Sendable {
    /// What the matrix has been resolved to, such as `kernel` `6.1`.
    public struct Setting: Sendable, Equatable {
        public let name: String
        public let value: String
    }

    public let scenario: Scenario
    public let settings: [Setting]
}
