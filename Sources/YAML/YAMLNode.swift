/// A part of a YAML document, and the line where it begins.
public struct YAMLNode: Sendable, Equatable {
    public enum Content: Sendable, Equatable {
        /// The text as it stands there; `isPlain` where it has no quotes, so that `null` and `true` may mean something.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    /// A key of a mapping with its value.
    public struct Entry: Sendable, Equatable {
        public let key: String
        /// Where the key stands.
        public let line: Int
        public let value: YAMLNode

        public init(key: String, line: Int, value: YAMLNode) {
            self.key = key
            self.line = line
            self.value = value
        }
    }

    public let content: Content
    /// Counted from 1.
    public let line: Int
    /// How many nodes it is, with those in it.
    let count: Int

    public init(_ content: Content, line: Int) {
        self.content = content
        self.line = line
        count =
            switch content {
            case .scalar: 1
            case .sequence(let nodes): nodes.reduce(1) { $0 + $1.count }
            case .mapping(let entries): entries.reduce(1) { $0 + $1.value.count }
            }
    }

    /// The text of a scalar; nil for anything else.
    public var text: String? {
        if case .scalar(let text, _) = content { text } else { nil }
    }

    /// Whether nothing stands there, or a plain `null` or `~` (YAML 1.2, 10.2.1.1).
    public var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content { ["", "~", "null"].contains(text) } else { false }
    }
}
