/// A unit of what is sent: a type, and bytes whose meaning depends on it.
public struct Frame: Sendable, Equatable {
    public let type: FrameType
    public let payload: [UInt8]

    public init(_ type: FrameType, _ payload: [UInt8] = []) {
        self.type = type
        self.payload = payload
    }

    /// Header and payload, as they are sent.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(AgentProtocol.headerSize + payload.count)
        bytes += Self.header(type, count: payload.count)
        bytes += payload
        return bytes
    }

    /// What stands in front of a payload of that many bytes.
    public static func header(_ type: FrameType, count: Int) -> [UInt8] {
        let length = UInt32(truncatingIfNeeded: count)
        return (0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + [type.rawValue]
    }

    /// A frame with values one after the other.
    static func make(_ type: FrameType, _ write: (inout PayloadWriter) -> Void) -> Frame {
        var writer = PayloadWriter()
        write(&writer)
        return Frame(type, writer.bytes)
    }

    /// Reads the values of a frame. What stands behind them is of a later version, and ignored.
    func read<Value>(
        _ body: (inout PayloadReader) throws(ProtocolError) -> Value
    ) throws(ProtocolError) -> Value {
        var reader = PayloadReader(self)
        return try body(&reader)
    }
}
