import YAML

/// The choices that a scenario is run with: all combinations of its matrix, but for those that it leaves out, and those that it
/// names besides.
struct Matrix {
    private static let key = "matrix"
    private static let exclusion = "exclude"
    private static let inclusion = "include"
    private static let limit = 1000

    private(set) var choices: [[ScenarioCase.Setting]] = [[]]

    private let reader: NodeReader
    private var names: [String] = []
    private var excluded: [[ScenarioCase.Setting]] = []
    private var included: [[ScenarioCase.Setting]] = []

    /// - Parameter root: the scenario's file.
    init(_ root: YAMLNode, file: String) throws(ScenarioError) {
        reader = NodeReader(file: file)
        guard case .mapping(let members) = root.content, let matrix = members.first(where: { $0.key == Self.key })
        else { return }
        for entry in try reader.mapping(matrix.value, "matrix", "values by name, such as 'kernel: [6.1, 6.12]'") {
            switch entry.key {
            case Self.exclusion: excluded = try list(entry)
            case Self.inclusion: included = try list(entry)
            default: try multiply(by: entry)
            }
        }
        try combine(line: matrix.line)
    }

    private mutating func multiply(by entry: YAMLNode.Entry) throws(ScenarioError) {
        try checkName(entry)
        names.append(entry.key)
        var values: [ScenarioCase.Setting] = []
        for node in try reader.list(entry.value, entry.key) {
            values.append(ScenarioCase.Setting(name: entry.key, value: try reader.text(node, entry.key)))
        }
        guard !values.isEmpty else {
            throw reader.error(entry.line, "matrix: \(entry.key): expected a value at least")
        }
        guard values.count <= Self.limit, choices.count * values.count <= Self.limit else {
            throw reader.error(entry.line, "matrix: more than \(Self.limit) cases")
        }
        choices = choices.flatMap { choice in values.map { choice + [$0] } }
    }

    private func checkName(_ entry: YAMLNode.Entry) throws(ScenarioError) {
        guard Metric.isName(entry.key) else {
            throw reader.error(entry.line, "\"\(entry.key)\" is no name: letters, digits, - and _")
        }
    }

    /// Leaves out what is to be left out, and adds what is named besides.
    private mutating func combine(line: Int) throws(ScenarioError) {
        if names.isEmpty, let first = included.first {
            // Nothing but what is named.
            names = first.map(\.name)
            choices = []
        }
        for setting in excluded.joined() where !names.contains(setting.name) {
            throw reader.error(line, "matrix: exclude: there is no \"\(setting.name)\" in the matrix")
        }
        choices.removeAll { choice in excluded.contains { $0.allSatisfy(choice.contains) } }
        for choice in included {
            // In the order of the others.
            let ordered = names.compactMap { name in choice.first { $0.name == name } }
            guard ordered.count == names.count, choice.count == names.count else {
                throw reader.error(
                    line, "matrix: include: expected a value for each of \(names.joined(separator: ", ")), and no other"
                )
            }
            if !choices.contains(ordered) { choices.append(ordered) }
        }
        guard choices.count <= Self.limit else { throw reader.error(line, "matrix: more than \(Self.limit) cases") }
        guard !choices.isEmpty else { throw reader.error(line, "matrix: everything is left out") }
    }

    /// Lists of values by name.
    private func list(_ entry: YAMLNode.Entry) throws(ScenarioError) -> [[ScenarioCase.Setting]] {
        var list: [[ScenarioCase.Setting]] = []
        for node in try reader.list(entry.value, entry.key) {
            var settings: [ScenarioCase.Setting] = []
            for inner in try reader.mapping(node, entry.key, "values by name") {
                try checkName(inner)
                settings.append(ScenarioCase.Setting(name: inner.key, value: try reader.text(inner.value, inner.key)))
            }
            list.append(settings)
        }
        return list
    }
}
