extension String {
    /// The text with something visible in the place of what XML forbids, what moves a terminal's cursor, and what turns
    /// the text around it about. Line feeds and tabs stay.
    var printable: String {
        var text = ""
        text.unicodeScalars.append(contentsOf: unicodeScalars.map { $0 == "\n" || $0 == "\t" ? $0 : $0.printable })
        return text
    }

    /// The same on one line.
    public var printableLine: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0 == "\n" || $0 == "\t" ? " " : $0.printable }))
    }
}

extension Unicode.Scalar {
    /// Itself, or a picture of it: `␛` for an escape.
    var printable: Unicode.Scalar {
        switch value {
        case 0..<0x20: Unicode.Scalar(0x2400 + value) ?? "\u{FFFD}"
        case 0x7F: "\u{2421}"
        case 0x80..<0xA0: "\u{FFFD}"
        // Marks of the direction of writing, and the ends of lines and paragraphs.
        case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: "\u{FFFD}"
        // Those that are no characters.
        case 0xFDD0...0xFDEF: "\u{FFFD}"
        case _ where value & 0xFFFE == 0xFFFE: "\u{FFFD}"
        default: self
        }
    }
}
