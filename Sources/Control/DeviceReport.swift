import JSON

/// A memory device as QMP tells it. Sizes are in bytes.
public struct DeviceReport: Sendable, Equatable {
    public let id: String
    public let node: UInt64
    public let requestedSize: UInt64
    /// What is plugged.
    public let size: UInt64
    public let maximumSize: UInt64
    public let blockSize: UInt64

    public init(
        id: String, node: UInt64, requestedSize: UInt64, size: UInt64, maximumSize: UInt64, blockSize: UInt64
    ) {
        self.id = id
        self.node = node
        self.requestedSize = requestedSize
        self.size = size
        self.maximumSize = maximumSize
        self.blockSize = blockSize
    }

    /// Reads one of the answers to `query-memory-devices`; nil for what is none.
    init?(_ value: JSONValue) {
        guard let data = value["data"], let id = data["id"]?.string, let node = data["node"]?.unsigned,
            let requestedSize = data["requested-size"]?.unsigned, let size = data["size"]?.unsigned,
            let maximumSize = data["max-size"]?.unsigned, let blockSize = data["block-size"]?.unsigned, blockSize > 0
        else { return nil }
        self.init(
            id: id, node: node, requestedSize: requestedSize, size: size, maximumSize: maximumSize,
            blockSize: blockSize)
    }

    /// Reads the answer to `query-memory-devices`; nil for what is none.
    public static func all(in answer: JSONValue) -> [DeviceReport]? {
        guard case .array(let values) = answer else { return nil }
        let devices = values.compactMap { DeviceReport($0) }
        return devices.count == values.count ? devices : nil
    }
}
