/// Cuts a stream of bytes into values, however they are divided: part of one, or several at once.
///
/// What begins with neither a brace nor a bracket is no message of anybody's: it is reported, and skipped to the end of
/// the line. A value that gets too long ends the stream.
public struct JSONStream {
    /// Bytes of the longest value, where nothing else is said.
    public static let defaultMaximumLength = 1 << 16

    private enum State {
        case between
        /// Within a value, so many arrays and objects deep.
        case value(depth: Int)
        /// Within a string of it, which ends with that byte.
        case string(depth: Int, quote: UInt8)
        /// Behind a backslash there.
        case escape(depth: Int, quote: UInt8)
        /// In a line that is no value.
        case skipping
        /// Behind a value that was too long.
        case ended
    }

    private let allowsApostrophes: Bool
    private let maximumLength: Int
    private var state = State.between
    private var value: [UInt8] = []

    /// - Parameters:
    ///   - allowsApostrophes: whether strings may be quoted by apostrophes, too.
    ///   - maximumLength: bytes of the longest value.
    public init(allowsApostrophes: Bool = false, maximumLength: Int = defaultMaximumLength) {
        self.allowsApostrophes = allowsApostrophes
        self.maximumLength = maximumLength
    }

    /// Whether nothing more can be read, because a value was too long.
    public var hasEnded: Bool {
        if case .ended = state { true } else { false }
    }

    /// Takes the next bytes, and returns the values that end in them, in order.
    public mutating func receive(_ bytes: some Sequence<UInt8>) -> [Result<JSONValue, JSONError>] {
        var results: [Result<JSONValue, JSONError>] = []
        for byte in bytes {
            if let result = receive(byte) {
                results.append(result)
            }
        }
        return results
    }

    private mutating func receive(_ byte: UInt8) -> Result<JSONValue, JSONError>? {
        switch state {
        case .ended: return nil
        case .skipping:
            if byte == 0x0A { state = .between }
            return nil
        case .between:
            guard !JSONParser.isWhiteSpace(byte) else { return nil }
            guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") else {
                state = .skipping
                let isPrintable = (0x21...0x7E).contains(byte)
                return .failure(.unexpected(isPrintable ? Character(Unicode.Scalar(byte)) : "\u{FFFD}"))
            }
            value = [byte]
            state = .value(depth: 1)
            return nil
        case .value, .string, .escape:
            guard value.count < maximumLength else {
                value = []
                state = .ended
                return .failure(.tooLong)
            }
            value.append(byte)
            return advance(byte)
        }
    }

    /// Follows how deep the value is by now; at its end it is read.
    private mutating func advance(_ byte: UInt8) -> Result<JSONValue, JSONError>? {
        switch state {
        case .escape(let depth, let quote): state = .string(depth: depth, quote: quote)
        case .string where byte < 0x20:
            // Whoever forgot a quote at a keyboard begins again with the next line.
            value = []
            state = byte == 0x0A ? .between : .skipping
            return .failure(.controlCharacter)
        case .string(let depth, let quote):
            if byte == UInt8(ascii: "\\") {
                state = .escape(depth: depth, quote: quote)
            } else if byte == quote {
                state = .value(depth: depth)
            }
        case .value(let depth):
            switch byte {
            case UInt8(ascii: "\""): state = .string(depth: depth, quote: byte)
            case UInt8(ascii: "'") where allowsApostrophes: state = .string(depth: depth, quote: byte)
            case UInt8(ascii: "{"), UInt8(ascii: "["): state = .value(depth: depth + 1)
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth == 1 else {
                    state = .value(depth: depth - 1)
                    return nil
                }
                state = .between
                return finish()
            default: break
            }
        case .between, .skipping, .ended: break
        }
        return nil
    }

    private mutating func finish() -> Result<JSONValue, JSONError> {
        defer { value = [] }
        do throws(JSONError) {
            return .success(try JSONParser.parse(value[...], allowsApostrophes: allowsApostrophes))
        } catch {
            return .failure(error)
        }
    }
}
