/// The cases of a scenario by the choices of its matrix: the last dimension goes across, the others go down. Where there
/// is one dimension alone, it goes down.
struct MatrixTable: Sendable, Equatable {
    let scenario: String
    /// The names of the dimensions that go down.
    let rowNames: [String]
    /// The name of the one that goes across; nil where none does.
    let columnName: String?
    /// The choices of each row and of the columns, as they first come among the cases.
    let rows: [[String]]
    let columns: [String]
    /// The indices in the report of the cases of each row and column: none for a choice that was left out, several for one
    /// that was repeated.
    let cells: [[[Int]]]

    /// A table for each scenario with a matrix, in the order of the report.
    static func tables(of cases: [CaseReport]) -> [MatrixTable] {
        var scenarios: [String] = []
        var indices: [String: [Int]] = [:]
        for (index, testCase) in cases.enumerated() where !testCase.matrix.isEmpty {
            if indices[testCase.scenario] == nil { scenarios.append(testCase.scenario) }
            indices[testCase.scenario, default: []].append(index)
        }
        return scenarios.map { MatrixTable(scenario: $0, cases: cases, indices: indices[$0] ?? []) }
    }

    private init(scenario: String, cases: [CaseReport], indices: [Int]) {
        var names: [String] = []
        for setting in indices.flatMap({ cases[$0].matrix }) where !names.contains(setting.name) {
            names.append(setting.name)
        }
        let rowNames = names.count > 1 ? Array(names.dropLast()) : names
        let columnName = names.count > 1 ? names.last : nil
        var rows: [[String]] = []
        var columns: [String] = []
        var places: [(row: Int, column: Int, index: Int)] = []
        for index in indices {
            let choice = { (name: String) in cases[index].matrix.first { $0.name == name }?.value ?? "" }
            places.append(
                (
                    Self.position(of: rowNames.map(choice), in: &rows),
                    Self.position(of: columnName.map(choice) ?? "", in: &columns), index
                ))
        }
        var cells = Array(repeating: Array(repeating: [Int](), count: columns.count), count: rows.count)
        for place in places { cells[place.row][place.column].append(place.index) }
        self.scenario = scenario
        self.rowNames = rowNames
        self.columnName = columnName
        self.rows = rows
        self.columns = columns
        self.cells = cells
    }

    private static func position<Element: Equatable>(of element: Element, in list: inout [Element]) -> Int {
        if let position = list.firstIndex(of: element) { return position }
        list.append(element)
        return list.count - 1
    }
}
