/// The HTTP statuses that the API answers with (RFC 9110, section 15).
public enum APIStatus: Int, Sendable, CaseIterable {
    case ok = 200
    case noContent = 204
    case badRequest = 400
    case notFound = 404
    case methodNotAllowed = 405
    case requestTimeout = 408
    case conflict = 409
    case contentTooLarge = 413
    case headerFieldsTooLarge = 431
    /// What no request should lead to.
    case internalServerError = 500
}
