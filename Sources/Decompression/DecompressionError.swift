/// Why compressed data can't be unpacked.
public enum DecompressionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A format that is recognised only.
    case unsupported(CompressionFormat)
    /// The data contradicts its format or its own check sum.
    case damaged(CompressionFormat)
    /// The format's library could not set up, or the data asks for more memory than it may.
    case outOfMemory(CompressionFormat)

    public var description: String {
        switch self {
        case .unsupported(let format): "\(format.rawValue) compression is not supported"
        case .damaged(let format): "the \(format.rawValue) data is damaged"
        case .outOfMemory(let format): "the \(format.rawValue) data needs too much memory to unpack"
        }
    }
}
