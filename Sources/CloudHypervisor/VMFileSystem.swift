import Configuration
import JSON

/// Shared directories as the API has them (`FsConfig` of `cloud-hypervisor.yaml`).
extension FileSystem {
    /// Reads one; without an identifier, its own is empty.
    init(_ given: Fields) throws(APIError) {
        var fields = given
        let tag = try fields.required("tag", try fields.string("tag"))
        let socket = try fields.required("socket", try fields.path("socket"))
        self.init(id: try fields.string("id") ?? "", tag: tag, source: .socket(path: socket))
        queueCount = try fields.number("num_queues", 1...Int(UInt16.max)) ?? 1
        queueSize = try fields.number("queue_size", 1...UInt16.max) ?? Self.defaultQueueSize
        try fields.ignorePCI()
        try fields.finish()
    }

    var json: JSONValue {
        [
            "id": .string(id), "tag": .string(tag), "socket": .string(path), "num_queues": .number(queueCount),
            "queue_size": .number(queueSize),
        ]
    }
}
