import JSON

/// A report for the Test Anything Protocol, version 14 (https://testanything.org/tap-version-14-specification.html).
///
/// What failed has its message, kind, step, line and time in a diagnostic block of YAML. A case's time stands behind its
/// title, as other producers do it; a skipped case has its reason there.
public struct TAPReport: Sendable {
    private let report: TestReport

    public init(_ report: TestReport) {
        self.report = report
    }

    /// The lines, to be written in UTF-8.
    public var text: String {
        var lines = ["TAP version 14", "1..\(report.cases.count)"]
        lines.append(
            "# Swiftlet \(report.version.printableLine), seed \(report.seed), host kernel \(report.host.kernel.printableLine)"
        )
        for (index, title) in report.uniqueTitles.enumerated() {
            lines += point(index + 1, title, report.cases[index])
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func point(_ number: Int, _ title: String, _ testCase: CaseReport) -> [String] {
        let description = "\(number) - \(Self.escaped(title))"
        let time = "# time=\(testCase.milliseconds)ms"
        switch testCase.outcome {
        case .passed: return ["ok \(description) \(time)"]
        // What follows a reason belongs to it: no time.
        case .skipped(let reason): return ["ok \(description) # SKIP \(Self.escaped(reason))"]
        case .failed(let failure):
            return ["not ok \(description) \(time)", "  ---"] + diagnostics(failure, of: testCase).map { "  " + $0 }
                + ["  ..."]
        }
    }

    private func diagnostics(_ failure: CaseFailure, of testCase: CaseReport) -> [String] {
        var lines = ["message: \(Self.quoted(failure.message))", "kind: \(failure.kind.rawValue)"]
        if let step = testCase.failedStep { lines.append("step: \(Self.quoted("\(step.number) \(step.text)"))") }
        lines.append("file: \(Self.quoted(testCase.file))")
        if let line = failure.line { lines.append("line: \(line)") }
        return lines + ["at: \(failure.at)ms", "seed: \(testCase.seed)"]
    }

    /// On one line, and without what would begin a directive.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.printableLine.unicodeScalars {
            if scalar == "#" || scalar == "\\" { escaped += "\\" }
            escaped.unicodeScalars.append(scalar)
        }
        return escaped
    }

    /// JSON's strings are YAML's, too.
    private static func quoted(_ text: String) -> String {
        String(decoding: JSONValue.string(text.printable).text, as: UTF8.self)
    }
}
