/// A piece of files that are sent: a directory with all that is in it up to its `end`, a file with its data up to its
/// `end`, or a symbolic link. One of these is the whole, and `treeEnd` follows it.
public enum TreePiece: Sendable, Equatable {
    /// What is sent along with a name.
    public struct Attributes: Sendable, Equatable {
        /// Permissions and the bits for set-user-ID, set-group-ID and sticky: at most 0o7777.
        public var mode: UInt16
        /// When it was last written, in seconds since 1970 and nanoseconds.
        public var seconds: Int64
        public var nanoseconds: UInt32

        public init(mode: UInt16, seconds: Int64, nanoseconds: UInt32) {
            self.mode = mode
            self.seconds = seconds
            self.nanoseconds = nanoseconds
        }
    }

    case directory(EntryName, Attributes)
    case file(EntryName, Attributes)
    case data([UInt8])
    case link(EntryName, target: [UInt8])
    case end
    case treeEnd

    public var frame: Frame {
        switch self {
        case .directory(let name, let attributes): Self.frame(.directory, name, attributes)
        case .file(let name, let attributes): Self.frame(.file, name, attributes)
        case .data(let bytes): Frame(.data, bytes)
        case .link(let name, let target):
            Frame.make(.link) { writer in
                writer.put(name.bytes)
                writer.put(target)
            }
        case .end: Frame(.end)
        case .treeEnd: Frame(.treeEnd)
        }
    }

    public init(_ frame: Frame) throws(ProtocolError) {
        self = try frame.read { (reader) throws(ProtocolError) in
            switch frame.type {
            case .directory: .directory(try Self.name(frame.type, &reader), try Self.attributes(frame.type, &reader))
            case .file: .file(try Self.name(frame.type, &reader), try Self.attributes(frame.type, &reader))
            case .data: .data(frame.payload)
            case .link: .link(try Self.name(frame.type, &reader), target: try reader.path("target"))
            case .end: .end
            case .treeEnd: .treeEnd
            default: throw .unexpectedFrame(frame.type)
            }
        }
    }

    private static func frame(_ type: FrameType, _ name: EntryName, _ attributes: Attributes) -> Frame {
        Frame.make(type) { writer in
            writer.put(name.bytes)
            writer.put(attributes.mode)
            writer.put(attributes.seconds)
            writer.put(attributes.nanoseconds)
        }
    }

    private static func name(_ type: FrameType, _ reader: inout PayloadReader) throws(ProtocolError) -> EntryName {
        guard let name = EntryName(try reader.bytes()) else { throw .invalidValue(type, "name") }
        return name
    }

    private static func attributes(
        _ type: FrameType, _ reader: inout PayloadReader
    ) throws(ProtocolError) -> Attributes {
        let attributes = Attributes(
            mode: try reader.integer(), seconds: try reader.integer(), nanoseconds: try reader.integer())
        guard attributes.mode <= 0o7777, attributes.nanoseconds < 1_000_000_000 else {
            throw .invalidValue(type, "mode or time")
        }
        return attributes
    }
}
