import YAML

/// Puts values in the place of `${{ name }}`, in all values of a file. A shell's `${name}` stays.
struct Substitution {
    let file: String
    let values: [String: String]

    private static let beginning = "${{"
    private static let end = "}}"

    func apply(to node: YAMLNode) throws(ScenarioError) -> YAMLNode {
        switch node.content {
        case .scalar(let text, let isPlain):
            return YAMLNode(.scalar(try replaced(text, line: node.line), isPlain: isPlain), line: node.line)
        case .sequence(let nodes):
            var changed: [YAMLNode] = []
            for node in nodes { changed.append(try apply(to: node)) }
            return YAMLNode(.sequence(changed), line: node.line)
        case .mapping(let entries):
            var changed: [YAMLNode.Entry] = []
            for entry in entries {
                changed.append(YAMLNode.Entry(key: entry.key, line: entry.line, value: try apply(to: entry.value)))
            }
            return YAMLNode(.mapping(changed), line: node.line)
        }
    }

    private func replaced(_ text: String, line: Int) throws(ScenarioError) -> String {
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: Self.beginning) {
            guard let end = rest[start.upperBound...].range(of: Self.end) else {
                throw ScenarioError(file: file, line: line, "\"\(rest)\": ${{ without }}")
            }
            let name = String(rest[start.upperBound..<end.lowerBound]).trimmed
            guard let value = values[name] else {
                let known = values.keys.sorted().joined(separator: ", ")
                throw ScenarioError(
                    file: file, line: line, "${{ \(name) }}: there is no such name; there are \(known)")
            }
            result += rest[..<start.lowerBound] + value
            rest = rest[end.upperBound...]
        }
        return result + rest
    }
}

extension Substring {
    /// Where a text begins and ends in this one, first.
    fileprivate func range(of text: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            let rest = self[start...]
            if rest.hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
