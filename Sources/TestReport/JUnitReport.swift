/// A report in JUnit's XML, as Jenkins, GitLab and others read it.
///
/// Each scenario file is a test suite. A case that failed has a failure with the kind as its type, or an error where the
/// VMM's process ended or the host could not do what was needed: neither speaks of the guest. What the scenario measured is
/// in properties of the test case, and what its steps wrote and saw is its output.
public struct JUnitReport: Sendable {
    /// How many lines of the guest's kernel log and console a failure has at most.
    static let tail = 50

    private let report: TestReport

    public init(_ report: TestReport) {
        self.report = report
    }

    /// The XML, to be written in UTF-8.
    public var text: String {
        let titles = report.uniqueTitles
        var files: [String] = []
        var suites: [String: [(title: String, testCase: CaseReport)]] = [:]
        for (title, testCase) in zip(titles, report.cases) {
            if suites[testCase.file] == nil { files.append(testCase.file) }
            suites[testCase.file, default: []].append((title, testCase))
        }
        let counts = counts(report.cases)
        let time = ReportFormat.seconds(milliseconds: report.milliseconds)
        let markup: Markup = """
            <?xml version="1.0" encoding="UTF-8"?>
            <testsuites name="swiftlet" \(counts) time="\(time)" timestamp="\(report.time(after: 0).description)">
            \(files.map { suite($0, suites[$0] ?? []) })</testsuites>

            """
        return markup.text
    }

    private func counts(_ cases: [CaseReport]) -> Markup {
        let errors = cases.count { $0.failure?.kind.isError ?? false }
        let failures = cases.count { $0.failure != nil } - errors
        let skipped = cases.count { $0.outcome.name == .skipped }
        return "tests=\"\(cases.count)\" failures=\"\(failures)\" errors=\"\(errors)\" skipped=\"\(skipped)\""
    }

    private func suite(_ file: String, _ cases: [(title: String, testCase: CaseReport)]) -> Markup {
        let milliseconds = cases.reduce(0) { $0 &+ $1.testCase.milliseconds }
        let began = report.time(after: cases.map(\.testCase.begun).min() ?? 0)
        return """
            <testsuite name="\(file)" \(counts(cases.map(\.testCase))) \
            time="\(ReportFormat.seconds(milliseconds: milliseconds))" timestamp="\(began.description)">
            <properties>
            <property name="swiftlet" value="\(report.version)"/>
            <property name="host-kernel" value="\(report.host.kernel)"/>
            <property name="host-processor" value="\(report.host.processor)"/>
            <property name="host-emulated" value="\(report.host.isEmulated ? "true" : "false")"/>
            <property name="seed" value="\(report.seed)"/>
            </properties>
            \(cases.map { testCase($0.title, $0.testCase) })</testsuite>

            """
    }

    private func testCase(_ title: String, _ testCase: CaseReport) -> Markup {
        """
        <testcase name="\(title)" classname="\(testCase.scenario)" file="\(testCase.file)" \
        time="\(ReportFormat.seconds(milliseconds: testCase.milliseconds))">
        \(properties(testCase))\(outcome(testCase))\(output(testCase))</testcase>

        """
    }

    private func properties(_ testCase: CaseReport) -> Markup {
        let settings: [Markup] = testCase.matrix.map { "<property name=\"\($0.name)\" value=\"\($0.value)\"/>\n" }
        let measurements: [Markup] = testCase.measurements.map {
            """
            <property name="\($0.name) (\($0.unit.rawValue))" value="\(ReportFormat.trimmed("\($0.value)"))"/>

            """
        }
        return """
            <properties>
            <property name="seed" value="\(testCase.seed)"/>
            \(settings)\(measurements)</properties>

            """
    }

    private func outcome(_ testCase: CaseReport) -> Markup {
        switch testCase.outcome {
        case .passed: return ""
        case .skipped(let reason): return "<skipped message=\"\(reason)\"/>\n"
        case .failed(let failure):
            let attributes: Markup = "type=\"\(failure.kind.rawValue)\" message=\"\(failure.message)\""
            let details = details(failure, of: testCase)
            return failure.kind.isError
                ? "<error \(attributes)>\(details)</error>\n" : "<failure \(attributes)>\(details)</failure>\n"
        }
    }

    /// What steps have written and seen.
    private func output(_ testCase: CaseReport) -> Markup {
        let lines = testCase.steps.filter { !$0.output.isEmpty }.flatMap { step in
            ["step \(step.number): \(step.text)"] + step.outputLines
        }
        guard !lines.isEmpty else { return "" }
        return "<system-out>\(lines.map { "\($0)" as Markup }, separator: "\n")</system-out>\n"
    }

    /// What a person wants to know who sees nothing else of the report.
    private func details(_ failure: CaseFailure, of testCase: CaseReport) -> Markup {
        var lines = [failure.message]
        if let step = testCase.failedStep { lines.append("step \(step.number): \(step.text)") }
        lines.append("at \(testCase.file)" + (failure.line.map { ":\($0)" } ?? ""))
        lines.append("after \(ReportFormat.seconds(milliseconds: failure.at)) s, seed \(testCase.seed)")
        for (name, log) in [("kernel log", testCase.kernelLog), ("console", testCase.console)] where !log.isEmpty {
            lines += ["", "guest's \(name):"] + log.suffix(Self.tail).map(\.withoutLineEnd)
        }
        return "\(lines.map { "\($0)" as Markup }, separator: "\n")"
    }
}

extension CaseFailure.Kind {
    /// Whether it says nothing about the guest: the test itself did not work.
    var isError: Bool {
        self == .vmmDied || self == .host
    }
}

extension String {
    /// Without the carriage return that a console's lines end with.
    var withoutLineEnd: String {
        String(String.UnicodeScalarView(unicodeScalars.reversed().drop { $0 == "\r" || $0 == "\n" }.reversed()))
    }
}
