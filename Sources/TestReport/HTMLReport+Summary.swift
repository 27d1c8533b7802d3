extension HTMLReport {
    /// What a reader needs who reads nothing else.
    var header: Markup {
        let host = report.host
        let began = Substring(report.time(after: 0).description).prefix(19)
        let counts: [(CaseOutcome.Name, Int)] = [
            (.passed, report.passedCount), (.failed, report.failedCount), (.skipped, report.skippedCount),
        ]
        let shown = counts.filter { $0.1 > 0 }
        let bar: [Markup] = shown.map { "<span class=\"\($0.0.rawValue)\" style=\"flex-grow:\($0.1)\"></span>" }
        let numbers: [Markup] = counts.map {
            """
            <li class="\($0.0.rawValue)\($0.1 == 0 ? " none" : "")"><span aria-hidden="true">\($0.0.sign)</span> \
            <b>\($0.1)</b> \($0.0.rawValue)</li>

            """
        }
        let emulated: Markup = """
            <p class="note">The host was itself emulated: times are comparable only with those of such hosts.</p>

            """
        return """
            <header>
            <p class="kicker">Swiftlet test report</p>
            <h1>\(verdict)</h1>
            <div class="bar" aria-hidden="true">\(bar)</div>
            <ul class="counts">
            \(numbers)</ul>
            <dl class="facts">
            \(fact("Began", "\(began.prefix(10)) \(began.suffix(8)) UTC"))\
            \(fact("Took", ReportFormat.duration(milliseconds: report.milliseconds)))\
            \(fact("Seed", "\(report.seed)"))\
            \(fact("Swiftlet", report.version))\
            \(fact("Host kernel", host.kernel))\
            \(fact("Processor", host.processor + (host.isEmulated ? " (emulated)" : "")))</dl>
            \(host.isEmulated ? emulated : "")\(report.failedCount > 0 ? rerun : "")</header>

            """
    }

    private func fact(_ name: String, _ value: String) -> Markup {
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>\n"
    }

    private var rerun: Markup {
        """
        <p class="rerun">To run again what failed, with the same seeds, from this run's report in JSON:</p>
        <pre class="command"><code>swiftlet test --rerun report.json</code></pre>

        """
    }

    /// All cases.
    var summary: Markup {
        guard !report.cases.isEmpty else { return "<p>There were no cases.</p>\n" }
        return """
            <h2>Cases</h2>
            <div class="wide"><table class="cases">
            <thead><tr><th scope="col">Outcome</th><th scope="col">Case</th><th scope="col" class="figure">Took</th>\
            </tr></thead>
            <tbody>
            \(report.cases.indices.map(row))</tbody>
            </table></div>

            """
    }

    private func row(_ index: Int) -> Markup {
        let testCase = report.cases[index]
        let why: Markup =
            switch testCase.outcome {
            case .passed: ""
            case .skipped(let reason): "<div class=\"why\">\(reason)</div>"
            case .failed(let failure):
                "<div class=\"why\"><span class=\"kind\">\(failure.kind.rawValue)</span> \(failure.message)</div>"
            }
        return """
            <tr class="\(testCase.outcome.name.rawValue)"><td>\(badge(testCase.outcome.name))</td>\
            <td><a href="#case-\(index + 1)">\(name(index))</a>\(why)</td><td class="figure">\(took(testCase))</td></tr>

            """
    }
}
