/// A request as HTTP brought it.
public struct APIRequest: Sendable {
    /// The method's name, such as `PUT`.
    public let method: String
    /// What is asked for, as the request line has it: `/api/v1/vm.info`.
    public let target: String
    public let body: [UInt8]
    /// What came along over the Unix socket. Whoever has no use for them drops them, and they are closed.
    public let descriptors: [any PassedDescriptor]

    public init(method: String, target: String, body: [UInt8] = [], descriptors: [any PassedDescriptor] = []) {
        self.method = method
        self.target = target
        self.body = body
        self.descriptors = descriptors
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
