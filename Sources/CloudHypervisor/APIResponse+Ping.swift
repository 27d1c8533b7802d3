import Configuration
import JSON

extension APIResponse {
    /// The answer to `vmm.ping`, which is the same wherever the VM is, and so need not wait for it.
    ///
    /// - Parameters:
    ///   - process: the number of the server's process.
    ///   - version: its own.
    public static func ping(process: Int32, version: String) -> APIResponse {
        APIResponse(
            .ok,
            [
                "build_version": .string("Swiftlet \(version)"), "version": .string(APIServerRequest.dialectVersion),
                "pid": .number(process), "features": [],
            ])
    }

    /// The answer to a request that has nothing to do with the VM; nil for any other.
    public static func immediate(_ request: APIRequest, process: Int32, version: String) -> APIResponse? {
        guard request.method == "GET", request.endpointName == "vmm.ping" else { return nil }
        return .ping(process: process, version: version)
    }
}
