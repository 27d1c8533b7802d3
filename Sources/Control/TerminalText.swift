/// Text as wide as a column of a terminal.
struct TerminalText: Sendable {
    private let isUTF8: Bool

    init(isUTF8: Bool) {
        self.isUTF8 = isUTF8
    }

    /// The text, cut or filled with spaces, so that it takes just so many columns.
    func fitted(_ text: String, _ columns: Int) -> String {
        let characters = text.map { isUTF8 || $0.isASCII ? $0 : "?" }
        let widths = characters.map(Self.width)
        let width = widths.reduce(0, +)
        guard width > columns else {
            return String(characters) + String(repeating: " ", count: columns - width)
        }
        guard columns > 0 else { return "" }
        var (kept, used) = ("", 0)
        for (character, width) in zip(characters, widths) {
            guard used + width < columns else { break }
            kept.append(character)
            used += width
        }
        return kept + (isUTF8 ? "…" : "~") + String(repeating: " ", count: columns - used - 1)
    }

    /// How many columns terminals give the text.
    static func width(_ text: String) -> Int {
        text.reduce(0) { $0 + width($1) }
    }

    private static func width(_ character: Character) -> Int {
        character.unicodeScalars.map(width).max() ?? 0
    }

    private static func width(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        return wideRanges.contains { $0.contains(scalar.value) } ? 2 : 1
    }

    /// What is wide in East Asian writing, and pictures (Unicode Standard Annex 11), in whole blocks.
    private static let wideRanges: [ClosedRange<UInt32>] = [
        0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
        0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1F6FF, 0x1F900...0x1FAFF,
        0x20000...0x3FFFD,
    ]
}
