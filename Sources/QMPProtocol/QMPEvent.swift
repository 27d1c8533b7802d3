import JSON

/// Something that happened, as every client is told of it (QEMU Machine Protocol Specification, "Asynchronous events").
public struct QMPEvent: Sendable, Equatable {
    public let name: String
    /// What is told of it; nil where the name says all.
    public let data: JSONValue?
    /// Microseconds since 1970, by the host's clock.
    public let time: UInt64

    public init(_ name: String, data: JSONValue? = nil, time: UInt64) {
        self.name = name
        self.data = data
        self.time = time
    }

    public var json: JSONValue {
        let timestamp: JSONValue = [
            "seconds": .number(time / 1_000_000), "microseconds": .number(time % 1_000_000),
        ]
        return .object(
            [.init("timestamp", timestamp), .init("event", .string(name))] + (data.map { [.init("data", $0)] } ?? []))
    }
}
