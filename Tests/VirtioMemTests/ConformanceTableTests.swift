import Foundation
import Testing

/// The table of what the specification demands of the device, `Tests/Conformance/virtio-mem.md`, is complete: each
/// statement has tests, and they exist.
@Suite struct ConformanceTableTests {
    /// The sections with statements about devices, and how many of those each has.
    private static let sections: [(number: String, statements: Int)] = [
        ("2.1.2", 3), ("2.2.2", 5), ("2.4.1", 2), ("2.5.2", 1), ("2.6.1.1.1", 2), ("2.6.1.2.1", 1), ("2.7.4.1", 2),
        ("2.7.5.1", 3), ("2.7.5.3.2", 2), ("2.7.7.2", 6), ("2.7.8.2", 3), ("2.7.10.2", 5), ("2.8", 1), ("2.10.2", 1),
        ("3.4.1", 1), ("4.2.2", 8), ("4.2.2.1", 10), ("4.2.4", 1), ("5.15.4", 3), ("5.15.4.2", 11), ("5.15.5.2", 4),
        ("5.15.6.2", 8), ("5.15.6.3.2", 8), ("5.15.6.4.2", 7), ("5.15.6.5.2", 6), ("5.15.6.6.2", 7), ("6.2", 7),
    ]

    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    private struct Row {
        let section: String
        let keyword: String
        let statement: String
        let tests: [String]
    }

    /// The rows of all tables, each with the section that it stands in.
    private static func rows(of text: String) -> [Row] {
        var rows: [Row] = []
        var section = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("## ") {
                section = String(line.dropFirst(3).prefix { $0 != " " })
            }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast()
                .map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count == 3, !cells[0].isEmpty, cells[0] != "---" else { continue }
            let tests = cells[2].split(separator: ",").map { name in
                name.trimmingCharacters(in: CharacterSet(charactersIn: " `"))
            }
            rows.append(Row(section: section, keyword: cells[0], statement: cells[1], tests: tests))
        }
        return rows
    }

    /// Whether a test exists: `Target.Suite/function`, where a file of the target has both.
    private static func exists(_ name: String, in sources: [String: [String]]) -> Bool {
        let parts = name.split(whereSeparator: { $0 == "." || $0 == "/" }).map(String.init)
        guard parts.count == 3, let files = sources[parts[0]] else { return false }
        return files.contains { text in
            text.contains("struct \(parts[1]) ")
                && text.split(separator: "\n@Suite", omittingEmptySubsequences: false)
                    .contains { $0.contains("struct \(parts[1]) ") && isTest("func \(parts[2])(", in: $0) }
        }
    }

    /// Whether a function is there, and marked as a test in front of it, behind the end of what comes before.
    private static func isTest(_ function: String, in text: Substring) -> Bool {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        return lines.indices.contains { index in
            lines[index].contains(function)
                && lines[max(0, index - 12)...index].reversed().prefix { !$0.hasPrefix("    }") }
                    .contains { $0.contains("@Test") }
        }
    }

    /// The sources of the tests, by target.
    private static func sources() throws -> [String: [String]] {
        var sources: [String: [String]] = [:]
        for target in try FileManager.default.contentsOfDirectory(at: tests, includingPropertiesForKeys: nil) {
            let files =
                (try? FileManager.default.contentsOfDirectory(at: target, includingPropertiesForKeys: nil)) ?? []
            sources[target.lastPathComponent] = try files.filter { $0.pathExtension == "swift" }
                .map { try String(contentsOf: $0, encoding: .utf8) }
        }
        return sources
    }

    @Test func eachStatementHasTestsThatExist() throws {
        let table = try String(
            contentsOf: Self.tests.appendingPathComponent("Conformance/virtio-mem.md"), encoding: .utf8)
        let rows = Self.rows(of: table)
        let sources = try Self.sources()
        for row in rows {
            #expect(["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "-"].contains(row.keyword), "\(row)")
            #expect(!row.statement.isEmpty && !row.tests.isEmpty, "\(row)")
            for test in row.tests {
                #expect(Self.exists(test, in: sources), "\(row.section): there is no test \(test)")
            }
        }
        let found = Dictionary(grouping: rows, by: \.section).mapValues(\.count)
        for (number, statements) in Self.sections {
            #expect(found[number] == statements, "rows of section \(number)")
        }
        #expect(found.count == Self.sections.count, "a section that nobody knows: \(found.keys.sorted())")
    }

    /// The check itself finds what is wrong.
    @Test func gapsAreFound() {
        let rows = Self.rows(
            of: """
                ## 1.2 Something
                | | The device ... | Shown by |
                |---|---|---|
                | MUST | do it | `T.S/a`, `T.S/b` |
                | MAY | not do it | |
                """)
        #expect(rows.map(\.tests) == [["T.S/a", "T.S/b"], []])
        #expect(rows.map(\.section) == ["1.2", "1.2"])
        let source = """
            @Suite struct S {
                @Test func a() {
                }

                func helper() {}

                @Test(arguments: [1])
                func b(number: Int) {}
            }
            @Suite struct R {
                @Test func c() {}
            }
            """
        let sources = ["T": [source]]
        for name in ["T.S/a", "T.S/b", "T.R/c"] { #expect(Self.exists(name, in: sources), "\(name)") }
        for name in ["T.S/c", "T.S/d", "T.R/a", "U.S/a", "T.S/helper", "T.Q/a", "T.S", ""] {
            #expect(!Self.exists(name, in: sources), "\(name)")
        }
    }
}
