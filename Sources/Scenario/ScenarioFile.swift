import Control
import YAML

/// A scenario with its matrix, as a file has it (Tests/Scenarios/README.md).
public struct ScenarioFile: Sendable {
    /// As it was given.
    public let path: String
    /// Each choice of the matrix with the scenario that it makes: one, where there is no matrix.
    public let cases: [ScenarioCase]

    /// Says what is wrong with a machine, if anything: the option, where it is about one, and words.
    public typealias MachineCheck = (MachineFile) -> (option: String?, text: String)?

    /// Reads a file's text, with every choice of its matrix.
    ///
    /// - Parameters:
    ///   - path: names it in errors, and the scenario that has no name.
    ///   - problem: says what is wrong with a machine.
    ///   - values: what further `${{ }}` stand for, such as `directory`.
    /// - Throws: all that is wrong, with the lines and what was expected.
    public init(
        parsing text: [UInt8], path: String, values: [String: String] = [:],
        problem: @escaping MachineCheck = { _ in nil }
    ) throws(ScenarioErrors) {
        self.path = path
        let root: YAMLNode
        do throws(YAMLError) {
            guard let node = try YAMLNode.parse(text), !node.isNull else {
                throw YAMLError(line: 1, "expected a scenario: a mapping with machine and steps")
            }
            root = node
        } catch {
            throw ScenarioErrors([
                ScenarioError(file: path, line: error.line, error.message + Self.hint(text, line: error.line))
            ])
        }
        let mistakes = Mistakes()
        let matrix = mistakes.gather { () throws(ScenarioError) in try Matrix(root, NodeReader(file: path, mistakes)) }
        var cases: [ScenarioCase] = []
        for settings in matrix?.choices ?? [] {
            var known = values
            for setting in settings { known[setting.name] = setting.value }
            let node = mistakes.gather { () throws(ScenarioError) in
                try Substitution(file: path, values: known).apply(to: root)
            }
            guard let node, let scenario = ScenarioParser(file: path, mistakes, problem: problem).scenario(node) else {
                continue
            }
            cases.append(ScenarioCase(scenario: scenario, settings: settings))
        }
        try mistakes.check()
        self.cases = cases
    }

    /// What is likely wrong with a line that is no YAML.
    private static func hint(_ text: [UInt8], line: Int) -> String {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        guard lines.indices.contains(line - 1) else { return "" }
        let words = String(decoding: lines[line - 1], as: UTF8.self)
        if words.contains(": >") { return "; a text that begins with > needs quotes, as in \">= 1G\"" }
        if words.prefix(while: { $0 == " " || $0 == "\t" }).contains("\t") { return "; a tab: spaces indent" }
        if words.contains("${{") { return "; in braces and brackets, a text with ${{ }} needs quotes" }
        if words.split(separator: ": ", omittingEmptySubsequences: false).count > 2 {
            return "; a text with a colon and a space in it needs quotes"
        }
        return ""
    }
}
