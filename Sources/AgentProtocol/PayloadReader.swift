/// Reads what a `PayloadWriter` wrote, or what somebody else claims to be that.
struct PayloadReader {
    private let frame: Frame
    private var position = 0

    init(_ frame: Frame) {
        self.frame = frame
    }

    private var remaining: Int { frame.payload.count - position }

    mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(ProtocolError) -> Value {
        let size = Value.bitWidth / 8
        guard remaining >= size else { throw .truncatedPayload(frame.type) }
        var value: Value = 0
        for index in 0..<size {
            value |= Value(truncatingIfNeeded: frame.payload[position + index]) << (8 * index)
        }
        position += size
        return value
    }

    mutating func flag() throws(ProtocolError) -> Bool { try integer(UInt8.self) != 0 }

    mutating func bytes() throws(ProtocolError) -> [UInt8] {
        let count: UInt32 = try integer()
        guard count <= remaining else { throw .truncatedPayload(frame.type) }
        defer { position += Int(count) }
        return Array(frame.payload[position..<position + Int(count)])
    }

    /// Text that C can take, too: without zero bytes.
    mutating func text(_ what: String) throws(ProtocolError) -> String {
        let bytes = try bytes()
        guard !bytes.contains(0), let text = String(validating: bytes, as: UTF8.self) else {
            throw .invalidValue(frame.type, what)
        }
        return text
    }

    mutating func path(_ what: String) throws(ProtocolError) -> [UInt8] {
        let bytes = try bytes()
        guard !bytes.isEmpty, bytes.count < 4096, !bytes.contains(0) else { throw .invalidValue(frame.type, what) }
        return bytes
    }

    /// - Parameter size: the least bytes that an element takes; a number that can't be is found before anything is made.
    mutating func list<Element>(
        size: Int, _ read: (inout PayloadReader) throws(ProtocolError) -> Element
    ) throws(ProtocolError) -> [Element] {
        let count: UInt32 = try integer()
        guard Int(count) <= remaining / size else { throw .truncatedPayload(frame.type) }
        var list: [Element] = []
        list.reserveCapacity(Int(count))
        for _ in 0..<count {
            list.append(try read(&self))
        }
        return list
    }

    /// A value of an enumeration.
    mutating func choice<Value: RawRepresentable>(
        _ what: String, _: Value.Type = Value.self
    ) throws(ProtocolError) -> Value where Value.RawValue == UInt8 {
        guard let value = Value(rawValue: try integer()) else { throw .invalidValue(frame.type, what) }
        return value
    }
}
