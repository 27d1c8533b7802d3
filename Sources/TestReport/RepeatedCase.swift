/// A case with all its runs: one, unless it was repeated.
struct RepeatedCase {
    /// What makes it the same case in another report.
    struct Key: Hashable {
        var scenario: String
        /// By their names: the order in which a file states them is no difference.
        var settings: [[String]]
    }

    let key: Key
    let runs: [CaseReport]

    /// In the order of the first run of each.
    static func grouped(_ cases: [CaseReport]) -> [RepeatedCase] {
        var keys: [Key] = []
        var runs: [Key: [CaseReport]] = [:]
        for testCase in cases {
            let key = Key(
                scenario: testCase.scenario,
                settings: testCase.matrix.map { [$0.name, $0.value] }.sorted {
                    $0.lexicographicallyPrecedes($1)
                })
            if runs[key] == nil { keys.append(key) }
            runs[key, default: []].append(testCase)
        }
        return keys.map { RepeatedCase(key: $0, runs: runs[$0] ?? []) }
    }

    var title: String { runs.first?.title ?? key.scenario }

    // MARK: Outcomes

    private var passed: [CaseReport] { runs.filter { $0.outcome.name == .passed } }
    private var ran: Int { runs.count { $0.outcome.name != .skipped } }

    /// The share of its runs that passed, from 0 to 1; nil where all were skipped.
    var rate: Double? {
        ran == 0 ? nil : Double(passed.count) / Double(ran)
    }

    /// The outcome for people.
    var success: String {
        guard let rate else { return "skipped" }
        return runs.count > 1 ? "\(passed.count) of \(ran) passed" : rate == 1 ? "passed" : "failed"
    }

    /// The share for people.
    var share: String {
        "\(passed.count) of \(ran) (\(ReportFormat.decimal((rate ?? 0) * 100, places: 0)) %)"
    }

    /// Why the first of its runs failed that did, or was skipped; empty where there is none.
    var message: String {
        if let failure = runs.compactMap(\.failure).first { return "\(failure.kind.rawValue): \(failure.message)" }
        for run in runs {
            if case .skipped(let reason) = run.outcome { return reason }
        }
        return ""
    }

    // MARK: Figures and times, of the runs that passed

    var measurementNames: [String] {
        unique(passed.flatMap { $0.measurements.map(\.name) })
    }

    func measurement(_ name: String) -> (value: Double, unit: CaseReport.Measurement.Unit)? {
        let all = passed.compactMap { run in run.measurements.first { $0.name == name } }
        guard let unit = all.first?.unit, let value = Self.median(all.filter { $0.unit == unit }.map(\.value)) else {
            return nil
        }
        return (value, unit)
    }

    var milliseconds: Double? {
        Self.median(passed.map { Double($0.milliseconds) })
    }

    var stepNumbers: [String] {
        unique(passed.flatMap { $0.steps.map(\.number) })
    }

    func step(_ number: String) -> (text: String, milliseconds: Double)? {
        let all = passed.compactMap { run in run.steps.first { $0.number == number && $0.outcome == .passed } }
        guard let text = all.first?.text, let time = Self.median(all.map { Double($0.milliseconds) }) else {
            return nil
        }
        return (text, time)
    }

    private func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    static func median(_ values: [Double]) -> Double? {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return nil }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
