import Configuration
import YAML

/// Reads what stands in a file, and says where it is something else than expected.
struct NodeReader {
    let file: String
    /// Gathers what does not keep the rest from being read.
    let mistakes: Mistakes

    init(file: String, _ mistakes: Mistakes) {
        self.file = file
        self.mistakes = mistakes
    }

    func error(_ line: Int, _ message: String) -> ScenarioError {
        ScenarioError(file: file, line: line, message)
    }

    /// - Parameters:
    ///   - name: what it belongs to, for errors.
    ///   - expectation: what is expected, for errors.
    func mapping(_ node: YAMLNode, _ name: String, _ expectation: String) throws(ScenarioError) -> [YAMLNode.Entry] {
        guard case .mapping(let entries) = node.content else {
            throw error(node.line, "\(name): expected \(expectation)")
        }
        return entries
    }

    /// A mapping of which all keys are known; others are noted.
    func members(_ node: YAMLNode, _ name: String, keys: [String]) throws(ScenarioError) -> [String: YAMLNode.Entry] {
        var members: [String: YAMLNode.Entry] = [:]
        let expectation = "a mapping with \(keys.joined(separator: ", "))"
        for entry in try mapping(node, name, expectation) {
            guard keys.contains(entry.key) else {
                mistakes.note(
                    error(
                        entry.line, "\(name): there is no \"\(entry.key)\"; there are \(keys.joined(separator: ", "))"))
                continue
            }
            // As if it did not stand there.
            if !entry.value.isNull { members[entry.key] = entry }
        }
        return members
    }

    /// Reads entries one by one, and notes what is wrong with each.
    func each(_ entries: [YAMLNode.Entry], _ body: (YAMLNode.Entry) throws(ScenarioError) -> Void) {
        for entry in entries { mistakes.gather { () throws(ScenarioError) in try body(entry) } }
    }

    /// A list; a single value counts as a list of one.
    func list(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> [YAMLNode] {
        switch node.content {
        case .sequence(let nodes): return nodes
        case .scalar where node.isNull: throw error(node.line, "\(name): expected a list")
        case .scalar, .mapping: return [node]
        }
    }

    func text(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> String {
        guard let text = node.text else { throw error(node.line, "\(name): expected a text") }
        return text
    }

    /// A text that is not empty.
    func words(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> String {
        let text = try text(node, name)
        guard !text.isEmpty else { throw error(node.line, "\(name): expected a text") }
        return text
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable & CaseIterable>(
        _ node: YAMLNode, _ name: String, _: Choice.Type = Choice.self
    ) throws(ScenarioError) -> Choice where Choice.RawValue == String {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        guard let choice = node.text.flatMap(Choice.init) else {
            throw error(node.line, "\(name): expected one of \(words)" + (node.text.map { ", not \"\($0)\"" } ?? ""))
        }
        return choice
    }

    func flag(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> Bool {
        let words = ["true": true, "yes": true, "on": true, "false": false, "no": false, "off": false]
        guard let flag = node.text.flatMap({ words[$0] }) else {
            throw error(node.line, "\(name): expected true or false")
        }
        return flag
    }

    func number(_ node: YAMLNode, _ name: String, _ range: ClosedRange<UInt64>) throws(ScenarioError) -> UInt64 {
        guard let number = node.text.flatMap({ UInt64($0) }), range.contains(number) else {
            throw error(node.line, "\(name): expected a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Milliseconds.
    func duration(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> UInt64 {
        guard let text = node.text else { throw error(node.line, "\(name): expected a duration, such as 30s") }
        do throws(Milliseconds.ParseError) {
            return try Milliseconds(parsing: text).count
        } catch {
            throw self.error(node.line, "\(name): \(error)")
        }
    }

    /// Bytes.
    func size(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> UInt64 {
        guard let text = node.text else { throw error(node.line, "\(name): expected a size, such as 512M") }
        if text.contains("."), let size = Expression.size(text), (0..<0x1p62).contains(size), size.rounded() == size {
            return UInt64(size)
        }
        do throws(ByteSize.ParseError) {
            return try ByteSize(parsing: text).bytes
        } catch {
            throw self.error(node.line, "\(name): \(error)")
        }
    }

    func expression(_ node: YAMLNode, _ name: String) throws(ScenarioError) -> Expression {
        let text = try text(node, name)
        do throws(ParseFailure) {
            return try Expression(parsing: text)
        } catch {
            throw self.error(node.line, "\(name): \(error.message)")
        }
    }
}
