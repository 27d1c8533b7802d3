/// A request as HTTP brought it.
public struct APIRequest: Sendable, Equatable {
    /// The method's name, such as `PUT`.
    public let method: String
    /// What is asked for, as the request line has it: `/api/v1/vm.info`.
    public let target: String
    public let body: [UInt8]

    public init(method: String, target: String, body: [UInt8] = []) {
        self.method = method
        self.target = target
        self.body = body
    }

    /// Where all endpoints are.
    public static let root = "/api/v1/"

    /// Whether it is for the metrics, which are beside the API.
    var isForMetrics: Bool { path == "/metrics" }

    /// What is asked for, without a query, which is nobody's.
    private var path: Substring { target.prefix { $0 != "?" && $0 != "#" } }

    /// The endpoint's name, such as `vm.info`; nil for what is not below the root.
    var endpointName: Substring? {
        guard path.hasPrefix(Self.root) else { return nil }
        return path.dropFirst(Self.root.count)
    }
}
