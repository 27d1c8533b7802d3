/// What a program says that wants to be connected to a port of the guest: `CONNECT port`, ended by a line feed. As with
/// Firecracker, the word may be in small letters, and there may be more spaces, and a carriage return.
public enum VsockRequest: Equatable, Sendable {
    /// - Parameter length: bytes of the line.
    case port(UInt32, length: Int)
    /// The line is not complete.
    case incomplete
    /// It is something else.
    case invalid

    /// The longest line, in bytes.
    public static let limit = 32

    private static let word = Array("connect".utf8)

    /// Reads the first bytes that a program sends; there may be more behind the line.
    public init(_ bytes: some Collection<UInt8>) {
        let start = bytes.prefix(Self.limit)
        let line = start.prefix { $0 != UInt8(ascii: "\n") }
        // A letter is a small one with this bit; what is no letter becomes none.
        guard zip(line, Self.word).allSatisfy({ $0 | 0x20 == $1 }) else {
            self = .invalid
            return
        }
        guard line.count < start.count else {
            self = start.count < Self.limit ? .incomplete : .invalid
            return
        }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
        guard words.count == 2, words[0].count == Self.word.count,
            words[1].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let port = UInt32(String(decoding: words[1], as: UTF8.self))
        else {
            self = .invalid
            return
        }
        self = .port(port, length: line.count + 1)
    }
}
