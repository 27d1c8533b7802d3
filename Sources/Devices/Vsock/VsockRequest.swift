/// What a program says that wants to be connected to a port of the guest: `CONNECT port`, ended by a line feed.
public enum VsockRequest: Equatable, Sendable {
    /// - Parameter length: bytes of the line.
    case port(UInt32, length: Int)
    /// The line is not complete.
    case incomplete
    /// It is something else.
    case invalid

    /// The longest line, in bytes: `CONNECT 4294967295`.
    public static let limit = 19

    /// Reads the first bytes that a program sends; there may be more behind the line.
    public init(_ bytes: some Collection<UInt8>) {
        let word = Array("CONNECT ".utf8)
        let line = bytes.prefix(Self.limit)
        guard zip(line, word).allSatisfy({ $0 == $1 }) else {
            self = .invalid
            return
        }
        let digits = line.dropFirst(word.count).prefix { $0 != UInt8(ascii: "\n") }
        guard digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            self = .invalid
            return
        }
        let length = word.count + digits.count + 1
        guard line.count >= length else {
            self = line.count < Self.limit ? .incomplete : .invalid
            return
        }
        guard let port = UInt32(String(decoding: digits, as: UTF8.self)) else {
            self = .invalid
            return
        }
        self = .port(port, length: length)
    }
}
