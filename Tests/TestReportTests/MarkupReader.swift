/// Reads HTML or XML to the letter, and tells what is wrong with it: far stricter than any browser.
struct MarkupReader {
    struct Element {
        var name: String
        var attributes: [String: String] = [:]
        /// All text within it, decoded.
        var text = ""
    }

    private(set) var elements: [Element] = []
    private(set) var problems: [String] = []
    /// The indices of the elements that are not closed yet.
    private var open: [Int] = []
    private var rest: Substring.UnicodeScalarView
    private let isHTML: Bool

    init(_ text: String, isHTML: Bool) {
        self.isHTML = isHTML
        rest = Substring(text).unicodeScalars
        for scalar in rest where !Self.isLegal(scalar) {
            problems.append("U+\(String(scalar.value, radix: 16)) is not allowed")
        }
        let prologue = isHTML ? "<!DOCTYPE html>\n" : "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        if !skip(prologue) { problems.append("it does not begin with \(prologue)") }
        while problems.isEmpty, let next = rest.first {
            if next == "<" { tag() } else { append(character()) }
        }
        problems += open.map { "<\(elements[$0].name)> is not closed" }
    }

    func all(_ name: String, _ css: String? = nil) -> [Element] {
        elements.filter { $0.name == name && (css == nil || $0.attributes["class"] == css) }
    }

    /// XML 1.0's characters, without those that it and HTML advise against.
    private static func isLegal(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: true
        case 0..<0x20, 0x7F..<0xA0, 0xFDD0...0xFDEF: false
        default: scalar.value & 0xFFFE != 0xFFFE
        }
    }

    private mutating func skip(_ text: String) -> Bool {
        guard rest.starts(with: text.unicodeScalars) else { return false }
        rest.removeFirst(text.unicodeScalars.count)
        return true
    }

    private mutating func name() -> String {
        let name = rest.prefix { $0.properties.isAlphabetic || $0.properties.numericType != nil || $0 == "-" }
        rest.removeFirst(name.count)
        return String(name)
    }

    private mutating func append(_ text: String) {
        if open.isEmpty, text != "\n" { problems.append("text outside of elements: \(text)") }
        for index in open { elements[index].text += text }
    }

    private mutating func tag() {
        if skip("</") {
            let name = name()
            let expected = open.popLast().map { elements[$0].name }
            if !skip(">") || name != expected { problems.append("</\(name)> closes <\(expected ?? "nothing")>") }
            return
        }
        _ = skip("<")
        var element = Element(name: name())
        if element.name.isEmpty { problems.append("a stray <") }
        while problems.isEmpty, skip(" ") {
            let name = name()
            guard !name.isEmpty else { return problems.append("an attribute of <\(element.name)> has no name") }
            guard element.attributes[name] == nil else { return problems.append("\(name) is there twice") }
            element.attributes[name] = skip("=\"") ? value() : ""
        }
        let index = elements.count
        elements.append(element)
        if skip("/>") { return }
        guard skip(">") else { return problems.append("<\(element.name) goes on with \(rest.prefix(20))") }
        if isHTML, element.name == "meta" { return }
        open.append(index)
        if element.name == "style" {
            while let next = rest.first, next != "<" {
                rest.removeFirst()
                elements[index].text.unicodeScalars.append(next)
            }
        }
    }

    private mutating func value() -> String {
        var value = ""
        while let next = rest.first, next != "\"" {
            guard next != "<" else { break }
            value += character()
        }
        if !skip("\"") { problems.append("an attribute does not end: \(value)") }
        return value
    }

    private mutating func character() -> String {
        let next = rest.removeFirst()
        guard next == "&" else { return String(Character(next)) }
        for (name, text) in [
            ("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("#39", "'"), ("#10", "\n"), ("#9", "\t"),
        ]
        where skip(name + ";") {
            return text
        }
        problems.append("a stray &: \(rest.prefix(20))")
        return ""
    }
}
