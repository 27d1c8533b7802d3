/// Text of HTML or XML. What its literals say is markup. What is put into them is text, and is escaped, unless it is
/// markup itself: nothing that a guest wrote can become an element or an attribute.
struct Markup: ExpressibleByStringInterpolation, Sendable, Equatable {
    private(set) var text: String

    init(stringLiteral value: String) {
        text = value
    }

    init(stringInterpolation: Interpolation) {
        text = stringInterpolation.text
    }

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 16)
        }

        mutating func appendLiteral(_ literal: String) {
            text += literal
        }

        mutating func appendInterpolation(_ string: String) {
            Markup.appendEscaped(string, to: &text)
        }

        mutating func appendInterpolation(_ number: some BinaryInteger) {
            text += "\(number)"
        }

        mutating func appendInterpolation(_ markup: Markup) {
            text += markup.text
        }

        mutating func appendInterpolation(_ markups: [Markup], separator: Markup = "") {
            for (index, markup) in markups.enumerated() {
                if index > 0 { text += separator.text }
                text += markup.text
            }
        }
    }

    static func += (markup: inout Markup, more: Markup) {
        markup.text += more.text
    }

    /// For the text of elements as well as for attributes, where a line's end would otherwise be read as a space.
    private static func appendEscaped(_ string: String, to text: inout String) {
        for scalar in string.unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            case "\n": text += "&#10;"
            case "\t": text += "&#9;"
            default: text.unicodeScalars.append(scalar.printable)
            }
        }
    }
}
