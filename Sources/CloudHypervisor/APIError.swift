/// Why a request is refused: an HTTP status, and messages for the client, the most general one first.
public struct APIError: Error, Sendable, Equatable {
    public let status: APIStatus
    public let messages: [String]

    public init(_ status: APIStatus, _ messages: String...) {
        self.init(status, messages: messages)
    }

    public init(_ status: APIStatus, messages: [String]) {
        self.status = status
        self.messages = messages
    }

    /// A field of a client's JSON that can't be.
    ///
    /// - Parameters:
    ///   - field: its path, such as `memory.zones[1].size`.
    ///   - problem: what was given and what is allowed.
    static func invalid(_ field: String, _ problem: String) -> APIError {
        APIError(.badRequest, "\(field): \(problem)")
    }
}
