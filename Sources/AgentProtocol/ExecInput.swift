/// What the client of a command sends while it runs.
public enum ExecInput: Sendable, Equatable {
    /// Bytes for standard input, within what is granted.
    case input([UInt8])
    case inputEnd
    /// For the command's process group.
    case signal(UInt8)
    case windowSize(WindowSize)

    public var frame: Frame {
        switch self {
        case .input(let bytes): Frame(.input, bytes)
        case .inputEnd: Frame(.inputEnd)
        case .signal(let number): Frame(.signal, [number])
        case .windowSize(let size):
            Frame.make(.windowSize) { writer in
                writer.put(size.rows)
                writer.put(size.columns)
            }
        }
    }

    public init(_ frame: Frame) throws(ProtocolError) {
        switch frame.type {
        case .input: self = .input(frame.payload)
        case .inputEnd: self = .inputEnd
        case .signal:
            let number: UInt8 = try frame.read { (reader) throws(ProtocolError) in try reader.integer() }
            guard (1...64).contains(number) else { throw .invalidValue(.signal, "number") }
            self = .signal(number)
        case .windowSize:
            self = .windowSize(
                try frame.read { (reader) throws(ProtocolError) in
                    WindowSize(rows: try reader.integer(), columns: try reader.integer())
                })
        default: throw .unexpectedFrame(frame.type)
        }
    }
}
