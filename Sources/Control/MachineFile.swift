import YAML

/// A machine in a file: the options of `swiftlet run`, by their names, in YAML or JSON.
///
/// ```yaml
/// name: web
/// cpus: 2
/// memory: 1G
/// virtio-mem:
///   - id: vm0
///     size: 8G
/// ```
public struct MachineFile: Sendable, Equatable {
    /// An option with what stands behind it; nil for a flag.
    public struct Entry: Sendable, Equatable {
        public let option: String
        public let value: String?
        /// Where it stands in its file, counted from 1; nil where it comes from none.
        public let line: Int?

        public init(_ option: String, _ value: String?, line: Int? = nil) {
            self.option = option
            self.value = value
            self.line = line
        }
    }

    public internal(set) var entries: [Entry] = []

    public init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// Reads a file's text.
    ///
    /// - Throws: `YAMLError`, with the line and what was expected.
    public init(parsing text: [UInt8]) throws(YAMLError) {
        if let root = try YAMLNode.parse(text), !root.isNull {
            try self.init(reading: root)
        } else {
            self.init([])
        }
    }

    /// Reads a part of a file.
    ///
    /// - Throws: `YAMLError`, with the line and what was expected.
    public init(reading root: YAMLNode) throws(YAMLError) {
        guard case .mapping(let members) = root.content else {
            throw YAMLError(line: root.line, "expected options of 'swiftlet run', such as 'memory: 1G'")
        }
        for member in members {
            guard let option = RunOption.all.first(where: { $0.name == member.key }) else {
                throw YAMLError(
                    line: member.line,
                    "no option is called \"\(member.key)\"; there are \(RunOption.all.map(\.name).joined(separator: ", "))"
                )
            }
            // As if it did not stand there.
            if member.value.isNull { continue }
            try read(option, member.value)
        }
    }

    private mutating func read(_ option: RunOption, _ node: YAMLNode) throws(YAMLError) {
        if option.kind == .flag {
            guard case .scalar(let text, _) = node.content, let isOn = Self.switches[text] else {
                throw YAMLError(line: node.line, "\(option.name): expected true or false")
            }
            if isOn { entries.append(Entry(option.name, nil, line: node.line)) }
            return
        }
        guard case .sequence(let nodes) = node.content else {
            entries.append(Entry(option.name, try Self.value(option, node), line: node.line))
            return
        }
        guard option.isRepeatable else {
            throw YAMLError(line: node.line, "\(option.name): expected one value, not a list")
        }
        for node in nodes {
            entries.append(Entry(option.name, try Self.value(option, node), line: node.line))
        }
    }

    private static let switches = ["true": true, "on": true, "yes": true, "false": false, "off": false, "no": false]

    private static func value(_ option: RunOption, _ node: YAMLNode) throws(YAMLError) -> String {
        switch node.content {
        case .scalar(let text, _): return text
        case .sequence: throw YAMLError(line: node.line, "\(option.name): expected a text, not a list")
        case .mapping(let members):
            guard option.kind == .keys else {
                throw YAMLError(line: node.line, "\(option.name): expected a text")
            }
            var parts: [String] = []
            // A path may hold any sign, and so it comes last.
            for member in members.filter({ $0.key != "path" }) + members.filter({ $0.key == "path" }) {
                parts += try Self.values(member, of: option).map { "\(member.key)=\($0)" }
            }
            return parts.joined(separator: ",")
        }
    }

    /// The values of a key; several where a list stands behind it.
    private static func values(_ member: YAMLNode.Entry, of option: RunOption) throws(YAMLError) -> [String] {
        var nodes = [member.value]
        if case .sequence(let list) = member.value.content { nodes = list }
        var texts: [String] = []
        for node in nodes {
            guard case .scalar(var text, let isPlain) = node.content else {
                throw YAMLError(line: node.line, "\(option.name): \(member.key): expected a text")
            }
            // What other programs write for a switch.
            if isPlain { text = ["true": "on", "false": "off"][text] ?? text }
            guard member.key == "path" || !text.contains(",") else {
                throw YAMLError(line: node.line, "\(option.name): \(member.key): a comma can't be in it: \"\(text)\"")
            }
            texts.append(text)
        }
        return texts
    }

    /// Where in the file it stands what an error is about; nil where that can't be told.
    ///
    /// - Parameter option: the error's, such as `--virtio-mem vm0`.
    public func line(ofOption option: String) -> Int? {
        let words = option.split(separator: " ", maxSplits: 1)
        guard let name = words.first else { return nil }
        let own = entries.filter { "--\($0.option)" == name }
        guard words.count == 2 else { return own.first?.line }
        let named = own.first { entry in
            let parts = (entry.value ?? "").split(separator: ",")
            return entry.value.map { $0 == words[1] } == true
                || parts.contains { $0 == words[1] || $0 == "id=\(words[1])" }
        }
        // What has no id is called by its number, such as disk1.
        let number = Int(String(words[1].reversed().prefix { $0.isNumber }.reversed()))
        let numbered = number.flatMap { own.indices.contains($0) ? own[$0] : nil }
        return (named ?? numbered ?? own.first)?.line
    }

    /// The options as arguments of `swiftlet run`.
    ///
    /// - Parameter given: the arguments that a person gives beside the file; an option that is among them is theirs
    ///   alone.
    public func arguments(beside given: [String]) -> [String] {
        let names = Set(given.map { $0.prefix { $0 != "=" } })
        return entries.filter { !names.contains("--\($0.option)") }.flatMap { entry in
            entry.value.map { ["--\(entry.option)=\($0)"] } ?? ["--\(entry.option)"]
        }
    }
}
