import CloudHypervisor

/// Why what a client sends is no request that can be answered; its connection ends.
enum APIFailure {
    case tooLarge
    case tooSlow
    case headersTooLarge
    case malformed

    var response: APIResponse {
        switch self {
        case .tooLarge:
            APIResponse(APIError(.contentTooLarge, "a request has at most \(APIConnection.bodyLimit) bytes"))
        case .tooSlow: APIResponse(APIError(.requestTimeout, "the request did not come to its end in time"))
        case .headersTooLarge: APIResponse(APIError(.headerFieldsTooLarge, "the request's headers are too long"))
        case .malformed: APIResponse(APIError(.badRequest, "this is no HTTP/1.1 request"))
        }
    }
}
