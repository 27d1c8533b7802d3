/// Why an agent did not do what it was asked for.
public struct AgentFailure: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// The client sent what it can't mean.
        case badRequest = 1
        /// The command, or its directory, is not there.
        case notFound = 2
        /// The command can't be run.
        case notExecutable = 3
        /// Too much is being done already.
        case busy = 4
        /// The guest's kernel refused.
        case refused = 5
    }

    public let kind: Kind
    public let text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    public var description: String { text }
}
