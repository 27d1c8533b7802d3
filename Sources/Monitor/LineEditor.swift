/// Makes lines of bytes: as they come from a socket, or from a person at a raw terminal, whose keys are echoed.
public struct LineEditor: Sendable {
    /// What a piece of input led to, in order.
    public enum Event: Equatable, Sendable {
        case echo([UInt8])
        case line(String)
        /// The line got longer than any command; it is dropped up to its end.
        case tooLong
    }

    /// Bytes of the longest line.
    public static let limit = 4096

    private let echoes: Bool
    private var line: [UInt8] = []
    private var isDropping = false
    private var isBehindReturn = false
    /// What is left of an escape sequence, such as that of an arrow key.
    private var sequence = Sequence.none

    private enum Sequence {
        case none
        case begun
        case parameters
    }

    /// - Parameter echoes: whether a person types.
    public init(echoes: Bool) {
        self.echoes = echoes
    }

    public mutating func parse(_ bytes: [UInt8]) -> [Event] {
        bytes.flatMap { byte in
            defer { isBehindReturn = byte == 0x0D }
            return echoes && skipsSequence(byte) ? [] : parse(byte)
        }
    }

    private mutating func parse(_ byte: UInt8) -> [Event] {
        switch byte {
        case 0x0A where isBehindReturn: return []
        case 0x0A, 0x0D: return endLine()
        case 0x08 where echoes, 0x7F where echoes: return erase(1)
        case 0x15 where echoes:  // Ctrl-U
            isDropping = false
            return erase(line.count)
        case 0x03 where echoes:  // Ctrl-C
            isDropping = false
            line = []
            return [.echo(Array("^C\n".utf8)), .line("")]
        case 0x00..<0x20 where echoes: return []
        default: return append(byte)
        }
    }

    private mutating func append(_ byte: UInt8) -> [Event] {
        guard !isDropping else { return [] }
        guard line.count < Self.limit else {
            isDropping = true
            return []
        }
        line.append(byte)
        return echoes ? [.echo([byte])] : []
    }

    private mutating func endLine() -> [Event] {
        defer {
            line = []
            isDropping = false
        }
        let end: Event = isDropping ? .tooLong : .line(String(decoding: line, as: UTF8.self))
        return echoes ? [.echo([0x0A]), end] : [end]
    }

    /// Erases characters (UTF-8 continuation bytes go with their first byte).
    private mutating func erase(_ count: Int) -> [Event] {
        var erased = 0
        while erased < count, let last = line.popLast() {
            if last & 0xC0 != 0x80 {
                erased += 1
            }
        }
        return erased == 0 ? [] : [.echo(Array(repeatElement([0x08, 0x20, 0x08], count: erased).joined()))]
    }

    private mutating func skipsSequence(_ byte: UInt8) -> Bool {
        switch sequence {
        case .none:
            guard byte == 0x1B else { return false }
            sequence = .begun
        case .begun:
            sequence = byte == UInt8(ascii: "[") || byte == UInt8(ascii: "O") ? .parameters : .none
        case .parameters:
            if (0x40...0x7E).contains(byte) {
                sequence = .none
            }
        }
        return true
    }
}
