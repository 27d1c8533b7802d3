import Control
import YAML

/// A scenario with its matrix, as a file has it (Tests/Scenarios/README.md).
public struct ScenarioFile: Sendable {
    /// As it was given.
    public let path: String
    /// Each choice of the matrix with the scenario that it makes: one, where there is no matrix.
    public let cases: [ScenarioCase]

    /// Reads a file's text, with every choice of its matrix.
    ///
    /// - Parameters:
    ///   - path: names it in errors, and the scenario that has no name.
    ///   - values: what further `${{ }}` stand for, such as `directory`.
    /// - Throws: `ScenarioError` with the line and what was expected.
    public init(parsing text: [UInt8], path: String, values: [String: String] = [:]) throws(ScenarioError) {
        self.path = path
        let root: YAMLNode
        do throws(YAMLError) {
            guard let node = try YAMLNode.parse(text), !node.isNull else {
                throw YAMLError(line: 1, "expected a scenario: a mapping with machine and steps")
            }
            root = node
        } catch {
            throw ScenarioError(file: path, line: error.line, error.message)
        }
        var cases: [ScenarioCase] = []
        for settings in try Matrix(root, file: path).choices {
            var known = values
            for setting in settings { known[setting.name] = setting.value }
            let node = try Substitution(file: path, values: known).apply(to: root)
            let scenario = try ScenarioParser(file: path).scenario(node)
            cases.append(ScenarioCase(scenario: scenario, settings: settings))
        }
        self.cases = cases
    }
}
