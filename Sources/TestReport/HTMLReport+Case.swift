extension HTMLReport {
    /// Pages with more cases than this show only those that failed at once.
    private static let casesShownOpen = 8
    /// Cases with more steps than this show them only when asked to.
    private static let stepsShownOpen = 40

    /// All about a case. The link's aim lies within the part that opens: browsers open it for whoever follows a link.
    func section(_ index: Int) -> Markup {
        let testCase = report.cases[index]
        let isOpen = testCase.failure != nil || report.cases.count <= Self.casesShownOpen
        return """
            <details class="case \(testCase.outcome.name.rawValue)"\(isOpen ? " open" : "")>
            <summary><h3>\(badge(testCase.outcome.name)) \(name(index))</h3> \
            <span class="took">\(took(testCase))</span></summary>
            <div class="body" id="case-\(index + 1)">
            \(about(testCase))\(reason(testCase))\(plots(index))\(steps(testCase))\(measurements(testCase))\
            \(log("Guest's kernel log", testCase.kernelLog, isOpen: testCase.failure != nil))\
            \(log("Guest's console, last lines", testCase.console, isOpen: testCase.failure != nil))</div>
            </details>

            """
    }

    private func about(_ testCase: CaseReport) -> Markup {
        let line = testCase.failure?.line.map { ":\($0)" } ?? ""
        return """
            \(testCase.about.isEmpty ? "" : "<p class=\"about\">\(testCase.about)</p>\n" as Markup)\
            <p class="origin"><code>\(testCase.file)\(line)</code> · seed \(testCase.seed) · began \
            \(ReportFormat.duration(milliseconds: testCase.begun)) into the run</p>

            """
    }

    private func reason(_ testCase: CaseReport) -> Markup {
        switch testCase.outcome {
        case .passed:
            guard let failure = testCase.foreseen else { return "" }
            let time = ReportFormat.duration(milliseconds: failure.at)
            return """
                <p class="message">Failed after \(time), as it has to: <span class="kind">\(failure.kind.rawValue)</span> \
                \(failure.message)</p>

                """
        case .skipped(let reason): return "<p class=\"message skipped\">\(reason)</p>\n"
        case .failed(let failure):
            let step: Markup = testCase.failedStep.map { "In step \($0.number), " } ?? ""
            let line: Markup = failure.line.map { ", line \($0)" } ?? ""
            let time = ReportFormat.duration(milliseconds: failure.at)
            return """
                <div class="message failed"><p><span class="kind">\(failure.kind.rawValue)</span> \(failure.message)</p>
                <p class="where">\(step)\(step == "" ? "After" : "after") \(time)\(line)</p></div>

                """
        }
    }

    // MARK: Steps

    private func steps(_ testCase: CaseReport) -> Markup {
        guard !testCase.steps.isEmpty else { return "" }
        let isOpen = testCase.failure != nil || testCase.steps.count <= Self.stepsShownOpen
        return """
            <details\(isOpen ? " open" : "")><summary><h4>Steps</h4></summary>
            <div class="wide"><table class="steps">
            <thead><tr><th scope="col" class="figure">#</th><th scope="col">Step</th><th scope="col">Outcome</th>\
            <th scope="col" class="figure">Line</th><th scope="col" class="figure">Began</th>\
            <th scope="col" class="figure">Took</th></tr></thead>
            <tbody>
            \(testCase.steps.map(row))</tbody>
            </table></div></details>

            """
    }

    private func row(_ step: StepReport) -> Markup {
        let isInner = step.number.utf8.contains(UInt8(ascii: "."))
        let ran = step.outcome != .skipped
        return """
            <tr class="\(step.outcome.rawValue)\(isInner ? " inner" : "")"><td class="figure">\(step.number)</td>\
            <td class="text">\(step.text)\(output(step))</td>\
            <td>\(badge(step.outcome.name, step.outcome.rawValue))</td><td class="figure">\(step.line)</td>\
            <td class="figure">\(ran ? ReportFormat.duration(milliseconds: step.begun) : "–")</td>\
            <td class="figure">\(ran ? ReportFormat.duration(milliseconds: step.milliseconds) : "–")</td></tr>

            """
    }

    private func output(_ step: StepReport) -> Markup {
        guard !step.output.isEmpty else { return "" }
        let lines: [Markup] = step.outputLines.map { "\($0)" }
        return """
            <details\(step.outcome == .failed ? " open" : "")><summary class="took">output</summary>
            <pre class="log" tabindex="0">\(lines, separator: "\n")</pre></details>
            """
    }

    // MARK: Memory

    private func plots(_ index: Int) -> Markup {
        let plots = MemoryPlot.plots(of: report.cases[index])
        guard !plots.isEmpty else { return "" }
        let figures: [Markup] = plots.enumerated().map { number, plot in
            """
            <figure><figcaption>\(plot.title)</figcaption>
            \(number == 0 ? legend(plots) : "")<div class="wide">
            \(PlotDrawing(plot, id: "plot-\(index + 1)-\(number + 1)").svg)</div></figure>

            """
        }
        return "\(figures)"
    }

    /// What the lines are of all of a case's plots.
    private func legend(_ plots: [MemoryPlot]) -> Markup {
        let styles = PlotLine.Style.allCases.reversed().filter { style in
            plots.contains { $0.lines.contains { $0.style == style } }
        }
        var items: [Markup] = styles.map { entry("line \($0.rawValue)", "M2 5H28", $0.label) }
        if plots.contains(where: { !$0.marks.isEmpty }) { items.append(entry("step", "M15 0V10", "a step begins")) }
        if plots.contains(where: { $0.failure != nil }) { items.append(entry("failure", "M15 0V10", "failed")) }
        return "<ul class=\"legend\">\n\(items)</ul>\n"
    }

    private func entry(_ style: String, _ path: String, _ label: String) -> Markup {
        """
        <li><svg width="30" height="10" aria-hidden="true"><path class="\(style)" d="\(path)"/></svg>\(label)</li>

        """
    }

    // MARK: Figures and logs

    private func measurements(_ testCase: CaseReport) -> Markup {
        guard !testCase.measurements.isEmpty else { return "" }
        let rows: [Markup] = testCase.measurements.map {
            """
            <tr><th scope="row">\($0.name)</th><td class="figure">\(ReportFormat.value($0.value, $0.unit))</td></tr>

            """
        }
        return """
            <h4>Measurements</h4>
            <table class="measurements"><tbody>
            \(rows)</tbody></table>

            """
    }

    private func log(_ name: String, _ lines: [String], isOpen: Bool) -> Markup {
        guard !lines.isEmpty else { return "" }
        let texts: [Markup] = lines.map { "\($0.withoutLineEnd)" }
        return """
            <details\(isOpen ? " open" : "")><summary><h4>\(name)</h4> <span class="took">\(lines.count) \
            \(lines.count == 1 ? "line" : "lines")</span></summary>
            <pre class="log" tabindex="0">\(texts, separator: "\n")</pre></details>

            """
    }
}

extension StepReport.Outcome {
    var name: CaseOutcome.Name {
        switch self {
        case .passed: .passed
        case .failed: .failed
        case .skipped, .interrupted: .skipped
        }
    }
}
