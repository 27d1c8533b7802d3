import Testing

@testable import TestReport

@Suite struct MatrixTableTests {
    private func testCase(_ scenario: String, _ choices: [(String, String)]) -> CaseReport {
        CaseReport(scenario: scenario, file: "", matrix: choices.map { .init($0.0, $0.1) }, seed: 0)
    }

    @Test func theLastDimensionGoesAcross() {
        let cases = [
            testCase("plain", []), testCase("a", [("x", "1"), ("y", "1"), ("z", "1")]),
            testCase("b", [("n", "1")]), testCase("a", [("x", "1"), ("y", "2"), ("z", "2")]),
            testCase("a", [("z", "1"), ("y", "2"), ("x", "1")]), testCase("a", [("x", "1"), ("y", "1"), ("z", "1")]),
        ]
        let tables = MatrixTable.tables(of: cases)
        #expect(tables.map(\.scenario) == ["a", "b"])
        #expect(tables[0].rowNames == ["x", "y"] && tables[0].columnName == "z")
        #expect(tables[0].rows == [["1", "1"], ["1", "2"]] && tables[0].columns == ["1", "2"])
        #expect(tables[0].cells == [[[1, 5], []], [[4], [3]]])
        #expect(tables[1].rowNames == ["n"] && tables[1].columnName == nil)
        #expect(tables[1].cells == [[[2]]])
    }
}
