/// Why a text is not a scenario.
public struct ScenarioError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file's path, as it was given.
    public let file: String
    /// Counted from 1.
    public let line: Int
    /// What stands there, and what was expected.
    public let message: String

    public init(file: String, line: Int, _ message: String) {
        self.file = file
        self.line = line
        self.message = message
    }

    public var description: String { "\(file):\(line): \(message)" }
}
