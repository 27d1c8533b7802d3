/// A number of bytes as people write it: plain, or with K, M, G or T (powers of 1024).
public struct ByteSize: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// The size in bytes.
    public let bytes: UInt64

    /// Why a text is not a size.
    public enum ParseError: Error, Sendable, Equatable, CustomStringConvertible {
        /// Something else than digits with at most one unit behind them.
        case malformed(String)
        /// A size but for the minus before it.
        case negative(String)
        /// More bytes than 64 bits can count.
        case tooLarge(String)

        public var description: String {
            switch self {
            case .malformed(let text): "\"\(text)\" is not a size: give bytes, or a number with K, M, G or T"
            case .negative(let text): "\(text) is negative, which a size can't be: the least is 0"
            case .tooLarge(let text): "\(text) is too large: sizes end below 16777216T"
            }
        }
    }

    public init(_ bytes: UInt64) {
        self.bytes = bytes
    }

    /// Reads `8G`, `80M` or `1048576`; small letters count as capitals.
    public init(parsing text: some StringProtocol) throws(ParseError) {
        var digits = Substring(text)
        var shift: UInt64 = 0
        if let last = digits.utf8.last, let unit = Self.shift(ofUnit: last) {
            shift = unit
            // Not the last Character, which may be more than the letter.
            digits.unicodeScalars.removeLast()
        }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            throw Self.isNegative(Substring(text)) ? .negative(String(text)) : .malformed(String(text))
        }
        guard let count = UInt64(digits), count <= UInt64.max >> shift else {
            throw .tooLarge(String(text))
        }
        bytes = count << shift
    }

    /// Each start of a machine reads and writes sizes: a table of units would take longer.
    private static func shift(ofUnit letter: UInt8) -> UInt64? {
        switch letter {
        case UInt8(ascii: "T"), UInt8(ascii: "t"): 40
        case UInt8(ascii: "G"), UInt8(ascii: "g"): 30
        case UInt8(ascii: "M"), UInt8(ascii: "m"): 20
        case UInt8(ascii: "K"), UInt8(ascii: "k"): 10
        default: nil
        }
    }

    /// Whether a text would be a size without the minus before it.
    private static func isNegative(_ text: Substring) -> Bool {
        text.hasPrefix("-") && !text.hasPrefix("--") && (try? ByteSize(parsing: text.dropFirst())) != nil
    }

    /// The size in the largest unit that shows it exactly: `8G`, `1536M`, `1000`.
    public var description: String {
        guard bytes > 0 else { return "0" }
        return switch bytes.trailingZeroBitCount {
        case 40...: "\(bytes >> 40)T"
        case 30...: "\(bytes >> 30)G"
        case 20...: "\(bytes >> 20)M"
        case 10...: "\(bytes >> 10)K"
        default: "\(bytes)"
        }
    }
}

extension UInt64 {
    /// So many times 2^20 bytes, as in `memory: .mebibytes(512)`.
    public static func mebibytes(_ count: UInt64) -> UInt64 { count << 20 }
    /// So many times 2^30 bytes, as in `size: .gibibytes(8)`.
    public static func gibibytes(_ count: UInt64) -> UInt64 { count << 30 }
}
