import CYaml

extension YAMLNode {
    /// Reads a text of one YAML document (libyaml), of which JSON is one kind.
    ///
    /// - Returns: nil for a text without content.
    /// - Throws: `YAMLError`, also for a document that is too deep or, by its aliases, too large.
    public static func parse(_ text: [UInt8]) throws(YAMLError) -> YAMLNode? {
        try YAMLParser().document(text)
    }
}

/// Makes a tree of libyaml's events. Both structures are set up as long as it lives, and nobody else has them; the text
/// outlives the parsing, which ends within `document(_:)`.
@safe private final class YAMLParser {
    private var parser = unsafe yaml_parser_t()
    private var event = unsafe yaml_event_t()
    private var anchors: [String: YAMLNode] = [:]
    private var count = 0

    private static let depthLimit = 64
    private static let nodeLimit = 100_000

    init() {
        // It fails only without memory, and then so does the first event.
        _ = unsafe yaml_parser_initialize(&parser)
    }

    deinit {
        unsafe yaml_event_delete(&event)
        unsafe yaml_parser_delete(&parser)
    }

    func document(_ text: [UInt8]) throws(YAMLError) -> YAMLNode? {
        var result: Result<YAMLNode?, YAMLError> = .success(nil)
        unsafe text.withUnsafeBufferPointer { buffer in
            // libyaml reads from the buffer until the last event.
            unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            do throws(YAMLError) {
                result = .success(try document())
            } catch {
                result = .failure(error)
            }
        }
        return try result.get()
    }

    private func document() throws(YAMLError) -> YAMLNode? {
        try advance()
        try advance()
        guard unsafe event.type == YAML_DOCUMENT_START_EVENT else { return nil }
        try advance()
        let node = try node(depth: 0)
        try advance()
        try advance()
        guard unsafe event.type == YAML_STREAM_END_EVENT else {
            throw YAMLError(line: line, "a second document begins here; there can be one in a file")
        }
        return node
    }

    private var line: Int { unsafe event.start_mark.line + 1 }

    private func advance() throws(YAMLError) {
        unsafe yaml_event_delete(&event)
        guard unsafe yaml_parser_parse(&parser, &event) != 0 else {
            let problem = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "cannot be read"
            throw YAMLError(line: unsafe max(parser.problem_mark.line, parser.context_mark.line) + 1, problem)
        }
    }

    /// The node that the current event begins; its last event is the current one then.
    private func node(depth: Int) throws(YAMLError) -> YAMLNode {
        let line = line
        guard depth < Self.depthLimit else { throw YAMLError(line: line, "nested too deeply") }
        let anchor: String?
        let node: YAMLNode
        switch unsafe event.type {
        case YAML_ALIAS_EVENT:
            let name = unsafe Self.text(event.data.alias.anchor) ?? ""
            guard let target = anchors[name] else { throw YAMLError(line: line, "there is no anchor &\(name)") }
            (anchor, node) = (nil, target)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            anchor = unsafe Self.text(scalar.anchor)
            node = YAMLNode(
                .scalar(
                    unsafe String(
                        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self),
                    isPlain: unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE), line: line)
        case YAML_SEQUENCE_START_EVENT:
            anchor = unsafe Self.text(event.data.sequence_start.anchor)
            node = YAMLNode(.sequence(try sequence(depth: depth)), line: line)
        case YAML_MAPPING_START_EVENT:
            anchor = unsafe Self.text(event.data.mapping_start.anchor)
            node = YAMLNode(.mapping(try mapping(depth: depth)), line: line)
        default: throw YAMLError(line: line, "not expected here")
        }
        count += node.count
        guard count <= Self.nodeLimit * Self.depthLimit, node.count <= Self.nodeLimit else {
            throw YAMLError(line: line, "too large")
        }
        if let anchor { anchors[anchor] = node }
        return node
    }

    private func sequence(depth: Int) throws(YAMLError) -> [YAMLNode] {
        var nodes: [YAMLNode] = []
        try advance()
        while unsafe event.type != YAML_SEQUENCE_END_EVENT {
            nodes.append(try node(depth: depth + 1))
            try advance()
        }
        return nodes
    }

    private func mapping(depth: Int) throws(YAMLError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var keys: Set<String> = []
        try advance()
        while unsafe event.type != YAML_MAPPING_END_EVENT {
            let key = try node(depth: depth + 1)
            guard let text = key.text else { throw YAMLError(line: key.line, "a key must be a text") }
            guard keys.insert(text).inserted else { throw YAMLError(line: key.line, "\"\(text)\" is given twice") }
            try advance()
            entries.append(YAMLNode.Entry(key: text, line: key.line, value: try node(depth: depth + 1)))
            try advance()
        }
        return entries
    }

    private static func text(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        unsafe pointer.map { unsafe String(cString: $0) }
    }
}
