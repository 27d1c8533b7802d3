import YAML

/// The choices that a scenario is run with: all combinations of its matrix, but for those that it leaves out, and those that it
/// names besides.
struct Matrix {
    /// Values by name that a list of the matrix names together.
    private struct Choice {
        let settings: [ScenarioCase.Setting]
        let line: Int

        var names: Set<String> { Set(settings.map(\.name)) }
    }

    private static let key = "matrix"
    private static let exclusion = "exclude"
    private static let inclusion = "include"
    private static let limit = 1000

    private(set) var choices: [[ScenarioCase.Setting]] = [[]]

    private let reader: NodeReader
    private var names: [String] = []
    private var excluded: [Choice] = []
    private var included: [Choice] = []

    /// - Parameter root: the scenario's file.
    init(_ root: YAMLNode, _ reader: NodeReader) throws(ScenarioError) {
        self.reader = reader
        guard case .mapping(let members) = root.content, let matrix = members.first(where: { $0.key == Self.key })
        else { return }
        for entry in try reader.mapping(matrix.value, "matrix", "values by name, such as 'kernel: [6.1, 6.12]'") {
            switch entry.key {
            case Self.exclusion: excluded = try list(entry)
            case Self.inclusion: included = try list(entry)
            default: try multiply(by: entry)
            }
        }
        try include()
        try exclude(line: matrix.line)
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
        try multiply(by: values.map { [$0] }, line: entry.line)
    }

    private mutating func multiply(by others: [[ScenarioCase.Setting]], line: Int) throws(ScenarioError) {
        guard others.count <= Self.limit, choices.count * others.count <= Self.limit else {
            throw reader.error(line, "matrix: more than \(Self.limit) cases")
        }
        choices = choices.flatMap { choice in others.map { choice + $0 } }
    }

    private func checkName(_ entry: YAMLNode.Entry) throws(ScenarioError) {
        guard Metric.isName(entry.key) else {
            throw reader.error(entry.line, "\"\(entry.key)\" is no name: letters, digits, - and _")
        }
    }

    /// Adds what is named besides: values for names of their own go with each combination, values for all names are another
    /// combination.
    private mutating func include() throws(ScenarioError) {
        guard let first = included.first else { return }
        let own = first.settings.map(\.name)
        let isFurther = first.names.isDisjoint(with: names)
        let expected = isFurther ? own : names
        var rows: [[ScenarioCase.Setting]] = []
        for choice in included {
            // In the order of the others.
            let ordered = expected.compactMap { name in choice.settings.first { $0.name == name } }
            guard ordered.count == expected.count, choice.settings.count == expected.count else {
                throw reader.error(
                    choice.line,
                    "matrix: include: expected a value for each of \(expected.joined(separator: ", ")), and no other")
            }
            rows.append(ordered)
        }
        if isFurther {
            names += own
            return try multiply(by: rows, line: first.line)
        }
        for row in rows where !choices.contains(row) { choices.append(row) }
        guard choices.count <= Self.limit else {
            throw reader.error(first.line, "matrix: more than \(Self.limit) cases")
        }
    }

    private mutating func exclude(line: Int) throws(ScenarioError) {
        for choice in excluded {
            if let unknown = choice.settings.first(where: { !names.contains($0.name) }) {
                throw reader.error(choice.line, "matrix: exclude: there is no \"\(unknown.name)\" in the matrix")
            }
            guard choices.contains(where: { choice.settings.allSatisfy($0.contains) }) else {
                throw reader.error(choice.line, "matrix: exclude: there is no such combination")
            }
        }
        choices.removeAll { one in excluded.contains { $0.settings.allSatisfy(one.contains) } }
        guard !choices.isEmpty else { throw reader.error(line, "matrix: everything is left out") }
    }

    /// Lists of values by name.
    private func list(_ entry: YAMLNode.Entry) throws(ScenarioError) -> [Choice] {
        var list: [Choice] = []
        for node in try reader.list(entry.value, entry.key) {
            var settings: [ScenarioCase.Setting] = []
            for inner in try reader.mapping(node, entry.key, "values by name") {
                try checkName(inner)
                settings.append(ScenarioCase.Setting(name: inner.key, value: try reader.text(inner.value, inner.key)))
            }
            guard !settings.isEmpty else { throw reader.error(node.line, "\(entry.key): expected values by name") }
            list.append(Choice(settings: settings, line: node.line))
        }
        return list
    }
}
