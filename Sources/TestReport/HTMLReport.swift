/// A report as one page of HTML, to be read in a browser or printed: it needs no script, and nothing from elsewhere.
public struct HTMLReport: Sendable {
    let report: TestReport
    let titles: [String]

    public init(_ report: TestReport) {
        self.report = report
        titles = report.uniqueTitles
    }

    /// The page, to be written in UTF-8.
    public var text: String {
        let cases = report.cases.indices.map { section($0) }
        // The policy lets no script run, should anything of a guest's ever get through as markup.
        let page: Markup = """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(verdict) – Swiftlet test report</title>
            <style>
            \(Self.style)\(Self.plotStyle)</style>
            </head>
            <body>
            \(header)<main>
            \(summary)\(matrices)\(cases.isEmpty ? "" : "<h2>Details</h2>\n" as Markup)\(cases)</main>
            <footer>Swiftlet \(report.version), seed \(report.seed)</footer>
            </body>
            </html>

            """
        return page.text
    }

    /// The whole in a few words.
    var verdict: String {
        let ran = report.cases.count - report.skippedCount
        let cases = ran == 1 ? "case" : "cases"
        if ran == 0 { return "No case ran" }
        return report.failedCount > 0 ? "\(report.failedCount) of \(ran) \(cases) failed" : "\(ran) \(cases) passed"
    }

    /// What an outcome looks like; the words say the same as the colour.
    ///
    /// - Parameter word: another word for it.
    func badge(_ outcome: CaseOutcome.Name, _ word: String? = nil) -> Markup {
        """
        <span class="badge \(outcome.rawValue)"><span aria-hidden="true">\(outcome.sign)</span> \(word ?? outcome.rawValue)\
        </span>
        """
    }

    /// How long a case took; what was skipped took no time.
    func took(_ testCase: CaseReport) -> String {
        testCase.outcome.name == .skipped ? "–" : ReportFormat.duration(milliseconds: testCase.milliseconds)
    }

    /// A case's title, with the choices of its matrix set apart.
    func name(_ index: Int) -> Markup {
        let testCase = report.cases[index]
        let settings: [Markup] = testCase.matrix.map {
            " <span class=\"setting\">\($0.name) <b>\($0.value)</b></span>"
        }
        let run = titles[index] == testCase.title ? "" : String(titles[index].dropFirst(testCase.title.count))
        return "<span class=\"scenario\">\(testCase.scenario)</span>\(settings)\(run)"
    }
}

extension CaseOutcome.Name {
    var sign: String {
        switch self {
        case .passed: "✓"
        case .failed: "✗"
        case .skipped: "–"
        }
    }
}
