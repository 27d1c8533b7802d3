import JSON

/// What a request is answered with.
public struct APIResponse: Sendable, Equatable {
    public let status: APIStatus
    /// In UTF-8; nil where the status says all.
    public let body: [UInt8]?
    /// What the body is, as HTTP says it.
    public let contentType: String
    /// The methods that an endpoint has, where another one was tried.
    public let allowedMethod: String?
    /// Whether the server ends when the client has its answer.
    public let endsServer: Bool

    init(_ status: APIStatus, _ value: JSONValue? = nil, allowedMethod: String? = nil, endsServer: Bool = false) {
        self.status = status
        body = value?.text
        contentType = "application/json"
        self.allowedMethod = allowedMethod
        self.endsServer = endsServer
    }

    /// A refusal: its body is an array of its messages.
    public init(_ error: APIError, allowedMethod: String? = nil) {
        self.init(error.status, .array(error.messages.map { .string($0) }), allowedMethod: allowedMethod)
    }

    /// Metrics in Prometheus's text format.
    init(metrics: String) {
        status = .ok
        body = Array(metrics.utf8)
        contentType = "text/plain; version=0.0.4; charset=utf-8"
        allowedMethod = nil
        endsServer = false
    }

    static let done = APIResponse(.noContent)
}
