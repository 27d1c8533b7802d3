/// What a text is to be.
public struct TextCheck: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable {
        /// But for spaces and line ends around it.
        case equals
        case contains
        case lacks
    }

    public var kind: Kind
    public var text: String
    public var line: Int

    public func holds(_ found: String) -> Bool {
        switch kind {
        case .equals: Self.trimmed(found) == Self.trimmed(text)
        case .contains: found.contains(text)
        case .lacks: !found.contains(text)
        }
    }

    private static func trimmed(_ text: String) -> Substring {
        var text = text[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
