/// A span of time as people write it: a number with ms, s, m or h, such as 500ms or 1.5s.
public struct Milliseconds: Sendable, Equatable, Hashable, CustomStringConvertible {
    /// How many milliseconds it has.
    public let count: UInt64

    /// The longest span that an option takes, a year: timers count nanoseconds in 64 bits.
    public static let maximum = Milliseconds(8760 * 3_600_000)

    /// Why a text is not a span of time.
    public enum ParseError: Error, Sendable, Equatable, CustomStringConvertible {
        /// Something else than a number with a unit behind it, or no whole number of milliseconds.
        case malformed(String)
        /// More than `maximum`.
        case tooLong(String)

        public var description: String {
            switch self {
            case .malformed(let text): "\"\(text)\" is not a duration: give a number with ms, s, m or h, or 0"
            case .tooLong(let text): "\(text) is too long: durations end at \(Milliseconds.maximum)"
            }
        }
    }

    /// The longest first, which is what printing tries first.
    private static let units: [(name: String, milliseconds: UInt64)] = [
        ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    public init(_ count: UInt64) {
        self.count = count
    }

    /// Reads `1s`, `1.5s`, `500ms`, `2m`, `1h` or `0`.
    public init(parsing text: some StringProtocol) throws(ParseError) {
        let isDigit = { (sign: Character) in ("0"..."9").contains(sign) }
        let digits = text.prefix(while: isDigit)
        var rest = text[digits.endIndex...]
        guard let number = UInt64(decimal: digits) else {
            throw digits.isEmpty ? .malformed(String(text)) : .tooLong(String(text))
        }
        if rest.isEmpty, number == 0 {
            count = 0
            return
        }
        var fraction = "0"[...]
        if rest.first == "." {
            fraction = Substring(rest.dropFirst().prefix(while: isDigit))
            rest = rest.dropFirst(1 + fraction.count)
        }
        guard let unit = Self.units.first(where: { $0.name == rest }),
            let part = Self.part(fraction, of: unit.milliseconds)
        else { throw .malformed(String(text)) }
        let (product, overflow) = number.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow, product <= Self.maximum.count, product + part <= Self.maximum.count else {
            throw .tooLong(String(text))
        }
        count = product + part
    }

    /// What the digits behind a point are of a unit; nil for what is no whole number of milliseconds.
    private static func part(_ digits: Substring, of unit: UInt64) -> UInt64? {
        // Of an hour, 3,600,000 ms, eight digits are a whole number at most.
        guard (1...8).contains(digits.count), let number = UInt64(decimal: digits) else { return nil }
        let whole = (0..<digits.count).reduce(1) { power, _ in power * 10 }
        let (part, remainder) = (number * unit).quotientAndRemainder(dividingBy: UInt64(whole))
        return remainder == 0 ? part : nil
    }

    /// The span in the longest unit that shows it exactly: `5s`, `1500ms`, `0`.
    public var description: String {
        for unit in Self.units where count > 0 && count % unit.milliseconds == 0 {
            return "\(count / unit.milliseconds)\(unit.name)"
        }
        return "\(count)"
    }
}
