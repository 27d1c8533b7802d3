extension ReportComparison {
    /// The comparison for a terminal: groups of findings, the worst first, and what it comes to in the last line.
    public var text: String {
        var lines = notes
        for kind in Finding.Kind.allCases {
            let group = findings.filter { $0.kind == kind }
            guard !group.isEmpty else { continue }
            if !lines.isEmpty { lines.append("") }
            lines.append("\(kind.heading) (\(group.count)):")
            lines += Self.aligned(group.map(Self.cells)).map { "  " + $0 }
        }
        if !lines.isEmpty { lines.append("") }
        return (lines + [conclusion]).joined(separator: "\n") + "\n"
    }

    /// What makes the two reports hard to compare.
    private var notes: [String] {
        guard before.host != after.host else { return [] }
        let isDifferent = before.host.isEmulated != after.host.isEmulated
        return [
            "The hosts differ" + (isDifferent ? ", and one was emulated: times are not compared." : "."),
            "  before: \(Self.text(before.host))", "  after:  \(Self.text(after.host))",
        ]
    }

    private static func text(_ host: TestHost) -> String {
        "\(host.processor), Linux \(host.kernel)".printableLine + (host.isEmulated ? ", emulated" : "")
    }

    private var conclusion: String {
        let counts = Finding.Kind.allCases.filter(\.isWorse).map { kind in (kind, findings.count { $0.kind == kind }) }
        let parts = counts.filter { $0.1 > 0 }.map { kind, count in
            switch kind {
            case .lessSuccessful: "\(count) \(count == 1 ? "case is" : "cases are") less successful"
            case .worseMeasurement: "\(count) \(count == 1 ? "measurement is" : "measurements are") worse"
            default: "\(count) \(count == 1 ? "time is" : "times are") longer"
            }
        }
        let missing = findings.count { $0.kind == .missing }
        let other = missing > 0 ? "; \(missing) \(missing == 1 ? "case is" : "cases are") missing" : ""
        return (parts.isEmpty ? "nothing got worse" : parts.joined(separator: ", ")) + other
    }

    /// What, how it was, how it is, and the change.
    private static func cells(_ finding: Finding) -> [String] {
        let what = finding.part.isEmpty ? finding.subject : "\(finding.subject), \(finding.part)"
        let arrow = finding.before.isEmpty || finding.after.isEmpty ? "" : "→"
        return [what, finding.before, arrow, finding.after, finding.note].map(\.printableLine)
    }

    /// The rows with columns of even width: the first to the left, the values around the arrow towards it.
    static func aligned(_ rows: [[String]]) -> [String] {
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.indices.filter { widths[$0] > 0 }.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 1 ? space + row[column] : row[column] + space
            }
            let line = cells.enumerated().map { index, cell in
                (index == 1 || index == cells.count - 1 ? "  " : index == 0 ? "" : " ") + cell
            }.joined()
            return String(String.UnicodeScalarView(line.unicodeScalars.reversed().drop { $0 == " " }.reversed()))
        }
    }
}

extension ReportComparison.Finding.Kind {
    var heading: String {
        switch self {
        case .lessSuccessful: "Less successful"
        case .worseMeasurement: "Worse measurements"
        case .slower: "Slower"
        case .stillFailing: "Failing as before"
        case .noLongerRun: "Skipped, and run before"
        case .missing: "Missing"
        case .new: "New"
        case .changedMeasurement: "Changed measurements"
        case .moreSuccessful: "More successful"
        case .betterMeasurement: "Better measurements"
        case .faster: "Faster"
        case .successRate: "Success by scenario"
        }
    }
}
