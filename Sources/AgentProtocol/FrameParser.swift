/// Cuts a stream of bytes into frames. It holds at most one frame that is not complete, beside what is appended.
public struct FrameParser: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    public init() {}

    /// Bytes that no frame has been made of.
    public var waitingCount: Int { buffer.count - start }

    public mutating func append(_ bytes: some Collection<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 2 * AgentProtocol.maximumData)
            start = 0
        } else if start > AgentProtocol.maximumData {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next frame; nil where it is not complete yet. A header is judged before its payload is waited for.
    public mutating func next() throws(ProtocolError) -> Frame? {
        guard waitingCount >= AgentProtocol.headerSize else { return nil }
        var length: UInt32 = 0
        for index in 0..<4 {
            length |= UInt32(buffer[start + index]) << (8 * index)
        }
        guard length <= AgentProtocol.maximumPayload else { throw .oversizedPayload(length) }
        guard let type = FrameType(rawValue: buffer[start + 4]) else {
            throw .unknownFrameType(buffer[start + 4])
        }
        let first = start + AgentProtocol.headerSize
        let end = first + Int(length)
        guard end <= buffer.count else { return nil }
        start = end
        return Frame(type, Array(buffer[first..<end]))
    }
}
