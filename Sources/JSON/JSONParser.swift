/// Reads a value from text in UTF-8 (RFC 8259). Whoever wrote it may mean harm: depth is limited, and nothing in it traps.
public struct JSONParser {
    /// How deep arrays and objects may be nested.
    public static let maximumDepth = 64

    private let text: ArraySlice<UInt8>
    private var position: Int
    private var depth = 0
    /// Whether strings may be quoted by apostrophes, too, as people do who type to a QMP server of QEMU.
    private let allowsApostrophes: Bool

    /// Reads the value that a text is, with nothing but white space around it.
    ///
    /// - Throws: `JSONError`.
    public static func parse(
        _ text: ArraySlice<UInt8>, allowsApostrophes: Bool = false
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(text, allowsApostrophes: allowsApostrophes)
        let value = try parser.value()
        parser.skipWhiteSpace()
        guard parser.peek == nil else { throw .trailingText }
        return value
    }

    private init(_ text: ArraySlice<UInt8>, allowsApostrophes: Bool) {
        self.text = text
        position = text.startIndex
        self.allowsApostrophes = allowsApostrophes
    }

    private var peek: UInt8? { position < text.endIndex ? text[position] : nil }

    private mutating func skipWhiteSpace() {
        while let byte = peek, Self.isWhiteSpace(byte) {
            position += 1
        }
    }

    static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private func isQuote(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || allowsApostrophes && byte == UInt8(ascii: "'")
    }

    /// What stands where something else should.
    private func unexpected() -> JSONError {
        guard let byte = peek else { return .unexpectedEnd }
        return .unexpected((0x21...0x7E).contains(byte) ? Character(Unicode.Scalar(byte)) : "\u{FFFD}")
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        skipWhiteSpace()
        guard peek == byte else { throw unexpected() }
        position += 1
    }

    private mutating func value() throws(JSONError) -> JSONValue {
        skipWhiteSpace()
        switch peek {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONError) in try parser.array() }
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case let byte? where isQuote(byte): return .string(try string())
        case let byte? where byte == UInt8(ascii: "-") || Self.isDigit(byte): return try number()
        default: throw unexpected()
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(JSONError) -> JSONValue
    ) throws(JSONError) -> JSONValue {
        guard depth < Self.maximumDepth else { throw .tooDeep }
        depth += 1
        defer { depth -= 1 }
        position += 1
        return try body(&self)
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for byte in "\(word)".utf8 {
            guard peek == byte else { throw unexpected() }
            position += 1
        }
        return value
    }

    /// Whether another element follows, behind its comma.
    private mutating func hasNext(until end: UInt8, isFirst: Bool) throws(JSONError) -> Bool {
        skipWhiteSpace()
        if peek == end {
            position += 1
            return false
        }
        if !isFirst {
            try expect(UInt8(ascii: ","))
        }
        return true
    }

    private mutating func array() throws(JSONError) -> JSONValue {
        var elements: [JSONValue] = []
        while try hasNext(until: UInt8(ascii: "]"), isFirst: elements.isEmpty) {
            elements.append(try value())
        }
        return .array(elements)
    }

    private mutating func object() throws(JSONError) -> JSONValue {
        var members: [JSONValue.Member] = []
        var names: Set<String> = []
        while try hasNext(until: UInt8(ascii: "}"), isFirst: members.isEmpty) {
            skipWhiteSpace()
            guard let quote = peek, isQuote(quote) else { throw unexpected() }
            let name = try string()
            guard names.insert(name).inserted else { throw .duplicateMember(name) }
            try expect(UInt8(ascii: ":"))
            members.append(JSONValue.Member(name, try value()))
        }
        return .object(members)
    }
}

// MARK: Strings

extension JSONParser {
    private mutating func string() throws(JSONError) -> String {
        let quote = text[position]
        position += 1
        var bytes: [UInt8] = []
        while let byte = peek, byte != quote {
            position += 1
            switch byte {
            case UInt8(ascii: "\\"): try escape(into: &bytes)
            case 0..<0x20: throw .controlCharacter
            default: bytes.append(byte)
            }
        }
        guard peek != nil else { throw .unexpectedEnd }
        position += 1
        guard let string = String(validating: bytes, as: UTF8.self) else { throw .invalidUTF8 }
        return string
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(JSONError) {
        guard let byte = peek else { throw .unexpectedEnd }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "'") where allowsApostrophes: bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"): bytes += try unicodeEscape()
        default: throw .invalidEscape
        }
    }

    /// A character by its number; those beyond 16 bits are written as two (RFC 8259, section 7).
    private mutating func unicodeEscape() throws(JSONError) -> [UInt8] {
        var units = [try hexadecimalUnit()]
        if UTF16.isLeadSurrogate(units[0]) {
            guard peek == UInt8(ascii: "\\") else { throw .invalidEscape }
            position += 1
            guard peek == UInt8(ascii: "u") else { throw .invalidEscape }
            position += 1
            units.append(try hexadecimalUnit())
        }
        guard let string = String(validating: units, as: UTF16.self) else { throw .invalidEscape }
        return Array(string.utf8)
    }

    private mutating func hexadecimalUnit() throws(JSONError) -> UInt16 {
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek else { throw .unexpectedEnd }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else { throw .invalidEscape }
            unit = unit << 4 | UInt16(digit)
            position += 1
        }
        return unit
    }
}

// MARK: Numbers

extension JSONParser {
    private static let integers = Int128(Int64.min)...Int128(UInt64.max)

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private mutating func digits() throws(JSONError) {
        guard let byte = peek, Self.isDigit(byte) else { throw .invalidNumber }
        while let byte = peek, Self.isDigit(byte) {
            position += 1
        }
    }

    private mutating func number() throws(JSONError) -> JSONValue {
        let start = position
        var isWhole = true
        if peek == UInt8(ascii: "-") { position += 1 }
        let first = position
        try digits()
        // No zeros in front.
        guard text[first] != UInt8(ascii: "0") || position == first + 1 else { throw .invalidNumber }
        if peek == UInt8(ascii: ".") {
            isWhole = false
            position += 1
            try digits()
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            isWhole = false
            position += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        let digits = String(decoding: text[start..<position], as: UTF8.self)
        if isWhole, let integer = Int128(digits), Self.integers.contains(integer) { return .integer(integer) }
        guard let double = Double(digits), double.isFinite else { throw .invalidNumber }
        return .double(double)
    }
}
