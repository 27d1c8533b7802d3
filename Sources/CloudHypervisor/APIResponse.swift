import JSON

/// What a request is answered with.
public struct APIResponse: Sendable, Equatable {
    public let status: APIStatus
    /// JSON in UTF-8; nil where the status says all.
    public let body: [UInt8]?
    /// The methods that an endpoint has, where another one was tried.
    public let allowedMethod: String?
    /// Whether the server ends when the client has its answer.
    public let endsServer: Bool

    init(_ status: APIStatus, _ value: JSONValue? = nil, allowedMethod: String? = nil, endsServer: Bool = false) {
        self.status = status
        body = value?.text
        self.allowedMethod = allowedMethod
        self.endsServer = endsServer
    }

    /// A refusal: its body is an array of its messages.
    public init(_ error: APIError, allowedMethod: String? = nil) {
        self.init(error.status, .array(error.messages.map { .string($0) }), allowedMethod: allowedMethod)
    }

    static let done = APIResponse(.noContent)
}
