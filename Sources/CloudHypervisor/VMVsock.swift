import Configuration
import JSON

/// A vsock device as the API has it (`VsockConfig` of `cloud-hypervisor.yaml`).
struct VMVsock: Sendable, Equatable {
    /// Empty until it is given one.
    var id: String
    var vsock: Vsock

    init(_ given: Fields) throws(APIError) {
        var fields = given
        id = try fields.string("id") ?? ""
        vsock = Vsock(
            cid: try fields.required("cid", try fields.number("cid", 0...UInt32.max)),
            path: try fields.required("socket", try fields.path("socket")))
        try fields.ignorePCI()
        try fields.finish()
    }

    var json: JSONValue {
        ["id": .string(id), "cid": .number(vsock.cid), "socket": .string(vsock.path)]
    }
}
