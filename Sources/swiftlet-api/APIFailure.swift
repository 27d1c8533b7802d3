import CloudHypervisor
import Host

/// Why what a client sends is no request that can be answered; its connection ends.
enum APIFailure {
    case tooLarge
    case tooSlow
    case headersTooLarge
    case malformed
    case tooManyDescriptors
    /// They came with more than one request.
    case descriptorsOfSeveral

    var response: APIResponse {
        switch self {
        case .tooLarge:
            APIResponse(APIError(.contentTooLarge, "a request has at most \(APIConnection.bodyLimit) bytes"))
        case .tooSlow: APIResponse(APIError(.requestTimeout, "the request did not come to its end in time"))
        case .headersTooLarge: APIResponse(APIError(.headerFieldsTooLarge, "the request's headers are too long"))
        case .tooManyDescriptors:
            APIResponse(
                APIError(
                    .badRequest,
                    "at most \(PassingStream.maximumDescriptorCount) descriptors can come along with a request"))
        case .descriptorsOfSeveral:
            APIResponse(
                APIError(.badRequest, "descriptors came with several requests: wait for an answer before the next one"))
        case .malformed: APIResponse(APIError(.badRequest, "this is no HTTP/1.1 request"))
        }
    }
}
