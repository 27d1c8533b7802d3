import YAML

/// The choices that a scenario is run with: all combinations of its matrix, but for those that it leaves out.
struct Matrix {
    private static let key = "matrix"
    private static let exclusion = "exclude"
    private static let limit = 1000

    private(set) var choices: [[ScenarioCase.Setting]] = [[]]

    /// - Parameter root: the scenario's file.
    init(_ root: YAMLNode, file: String) throws(ScenarioError) {
        let reader = NodeReader(file: file)
        guard case .mapping(let members) = root.content, let matrix = members.first(where: { $0.key == Self.key })
        else { return }
        var excluded: [[ScenarioCase.Setting]] = []
        var names: [String] = []
        for entry in try reader.mapping(matrix.value, "matrix", "values by name, such as 'kernel: [6.1, 6.12]'") {
            if entry.key == Self.exclusion {
                for node in try reader.list(entry.value, Self.exclusion) {
                    excluded.append(try Self.settings(node, reader))
                }
                continue
            }
            guard Metric.isName(entry.key) else {
                throw ScenarioError(
                    file: file, line: entry.line, "\"\(entry.key)\" is no name: letters, digits, - and _")
            }
            names.append(entry.key)
            var values: [ScenarioCase.Setting] = []
            for node in try reader.list(entry.value, entry.key) {
                values.append(ScenarioCase.Setting(name: entry.key, value: try reader.text(node, entry.key)))
            }
            guard !values.isEmpty else {
                throw ScenarioError(file: file, line: entry.line, "matrix: \(entry.key): expected a value at least")
            }
            guard values.count <= Self.limit, choices.count * values.count <= Self.limit else {
                throw ScenarioError(file: file, line: entry.line, "matrix: more than \(Self.limit) cases")
            }
            choices = choices.flatMap { choice in values.map { choice + [$0] } }
        }
        for setting in excluded.joined() where !names.contains(setting.name) {
            throw ScenarioError(
                file: file, line: matrix.line, "matrix: exclude: there is no \"\(setting.name)\" in the matrix")
        }
        choices.removeAll { choice in excluded.contains { $0.allSatisfy(choice.contains) } }
        guard !choices.isEmpty else {
            throw ScenarioError(file: file, line: matrix.line, "matrix: everything is left out")
        }
    }

    private static func settings(_ node: YAMLNode, _ reader: NodeReader) throws(ScenarioError) -> [ScenarioCase.Setting]
    {
        var settings: [ScenarioCase.Setting] = []
        for entry in try reader.mapping(node, exclusion, "values by name") {
            settings.append(ScenarioCase.Setting(name: entry.key, value: try reader.text(entry.value, entry.key)))
        }
        return settings
    }
}
