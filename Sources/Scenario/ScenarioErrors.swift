/// All that is wrong with scenarios, so that it can be mended at once.
public struct ScenarioErrors: Error, Sendable, Equatable, CustomStringConvertible {
    /// By file and line; one at least.
    public let errors: [ScenarioError]

    public var description: String { errors.map(\.description).joined(separator: "\n") }

    /// - Parameter errors: one at least.
    public init(_ errors: [ScenarioError]) {
        self.errors = errors
    }
}
