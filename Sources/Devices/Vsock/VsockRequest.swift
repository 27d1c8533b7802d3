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
    public init(_ bytes: [UInt8]) {
        let start = bytes.prefix(Self.limit)
        let end = start.firstIndex(of: UInt8(ascii: "\n"))
        let line = start[..<(end ?? start.endIndex)]
        // A letter is a small one with this bit; what is no letter becomes none.
        for (byte, letter) in zip(line, Self.word) where byte | 0x20 != letter {
            self = .invalid
            return
        }
        guard let end else {
            self = start.count < Self.limit ? .incomplete : .invalid
            return
        }
        let rest = line.dropFirst(Self.word.count)
        guard let first = rest.first, Self.isSpace(first), let port = Self.number(in: rest) else {
            self = .invalid
            return
        }
        self = .port(port, length: end + 1)
    }

    /// The number that stands between spaces; nil for anything else.
    private static func number(in text: ArraySlice<UInt8>) -> UInt32? {
        let text = text.drop(while: isSpace)
        let digits = text.prefix { !isSpace($0) }
        guard !digits.isEmpty, text.dropFirst(digits.count).allSatisfy(isSpace) else { return nil }
        var value: UInt32 = 0
        for byte in digits {
            let (digit, isNone) = byte.subtractingReportingOverflow(UInt8(ascii: "0"))
            guard !isNone, digit < 10 else { return nil }
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, isLarger) = tens.addingReportingOverflow(UInt32(digit))
            guard !isTooLarge, !isLarger else { return nil }
            value = sum
        }
        return value
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
    }
}
