/// What is wrong with bytes that the other end sent. Nothing more can be read from it.
public enum ProtocolError: Error, Equatable, CustomStringConvertible {
    /// A payload of that many bytes is announced, more than one may have.
    case oversizedPayload(UInt32)
    case unknownFrameType(UInt8)
    /// A frame that has no place here.
    case unexpectedFrame(FrameType)
    /// A payload ends within a value.
    case truncatedPayload(FrameType)
    /// A value that the frame can't have.
    case invalidValue(FrameType, String)
    /// A request of another version.
    case unsupportedVersion(UInt16)
    /// More input than was granted.
    case exceededWindow

    public var description: String {
        switch self {
        case .oversizedPayload(let count): "a frame of \(count) bytes, of at most \(AgentProtocol.maximumPayload)"
        case .unknownFrameType(let type): "a frame of the unknown type \(type)"
        case .unexpectedFrame(let type): "a frame that is out of place (\(type))"
        case .truncatedPayload(let type): "a frame that ends too soon (\(type))"
        case .invalidValue(let type, let value): "a frame with a wrong \(value) (\(type))"
        case .unsupportedVersion(let version):
            "a request of version \(version) of the protocol, where \(AgentProtocol.version) is spoken"
        case .exceededWindow: "more input than was granted"
        }
    }
}
