import Configuration
import JSON

/// Disks as the API has them (`DiskConfig` of `cloud-hypervisor.yaml`).
extension Disk {
    /// Cloud Hypervisor's own default.
    private static let apiQueueSize: UInt16 = 128

    /// What an image's contents mean. Only raw ones can be a disk; who does not know may say so.
    private enum ImageType: String, CaseIterable {
        case fixedVHD = "FixedVhd"
        case qcow2 = "Qcow2"
        case raw = "Raw"
        case vhdx = "Vhdx"
        case unknown = "Unknown"
    }

    private enum LockGranularity: String, CaseIterable {
        case byteRange = "ByteRange"
        case full = "Full"
    }

    /// Reads one; without an identifier, its own is empty.
    ///
    /// - Parameter notes: receives what has no effect.
    init(_ given: Fields, notes: inout [String]) throws(APIError) {
        var fields = given
        try fields.refuseVhostUser()
        let path = try fields.required("path", try fields.path("path"))
        self.init(id: try fields.string("id") ?? "", path: path)
        isReadOnly = try fields.flag("readonly") ?? false
        isDirect = try fields.flag("direct") ?? false
        serial = try fields.string("serial") ?? ""
        queueCount = try fields.number("num_queues", 1...Int(UInt16.max)) ?? 1
        queueSize = try fields.number("queue_size", 1...UInt16.max) ?? Self.apiQueueSize
        discards = try fields.flag("sparse") ?? true
        if let type = try fields.choice("image_type", as: ImageType.self), type != .raw, type != .unknown {
            throw fields.invalid("image_type", "is \(type.rawValue); images are Raw")
        }
        guard try fields.flag("backing_files") != true else {
            throw fields.invalid("backing_files", "raw images have no backing files")
        }
        _ = try fields.choice("lock_granularity", as: LockGranularity.self)
        if try fields.array("queue_affinity")?.isEmpty == false {
            notes.append("\(fields.path(of: "queue_affinity")): queues are served where the host lets them")
        }
        try fields.refuseRateLimits()
        try fields.ignorePCI()
        try fields.finish()
    }

    /// As `DiskConfig`, with what is in effect.
    var json: JSONValue {
        var members: [JSONValue.Member] = [
            .init("id", .string(id)), .init("path", .string(path)), .init("readonly", .boolean(isReadOnly)),
            .init("direct", .boolean(isDirect)), .init("num_queues", .number(queueCount)),
            .init("queue_size", .number(queueSize)), .init("sparse", .boolean(discards)), .init("image_type", "Raw"),
        ]
        if !serial.isEmpty { members.append(.init("serial", .string(serial))) }
        return .object(members)
    }
}
