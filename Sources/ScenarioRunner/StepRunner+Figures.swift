import Configuration
import QMPProtocol
import Scenario
import TestReport

/// Steps that look at figures.
extension StepRunner {
    func value(of expression: Expression, since start: UInt64) throws -> Double {
        let values = try figures.values(of: expression.metrics, since: start, within: FigureSource.patience)
        return expression.value { values[$0] } ?? 0
    }

    func check(_ conditions: [Condition], _ step: Step, since start: UInt64) throws {
        let metrics = conditions.flatMap(\.metrics)
        let values = try figures.values(of: metrics, since: start, within: FigureSource.patience)
        note(values, of: metrics, step)
        let wrong = conditions.filter { condition in
            values[condition.metric].map { condition.comparison.holds($0) { values[$0] } == false } ?? false
        }
        guard let first = wrong.first else { return }
        throw CaseFailure(
            .check,
            wrong.map { "expected \($0.expectation(values)), but it is \(found($0, values))" }.joined(separator: "; "),
            line: first.line, at: state.clock.now)
    }

    private func found(_ condition: Condition, _ values: [Metric: Double]) -> String {
        values[condition.metric].map { condition.metric.text($0) } ?? "not known: the guest does not tell it"
    }

    /// Has the report show what figures were.
    private func note(_ values: [Metric: Double], of metrics: [Metric], _ step: Step) {
        var shown: [Metric] = []
        for metric in metrics where !shown.contains(metric) && values[metric] != nil { shown.append(metric) }
        let lines = shown.map { "\($0) = \($0.text(values[$0] ?? 0))" }
        state.note(output: lines.joined(separator: "\n"), of: step.number)
    }

    /// The figures, as far as they are known now: a guest that restarts, or a machine that is frozen, tells nothing.
    private func knownValues(of metrics: [Metric], since start: UInt64, until deadline: UInt64) throws -> [Metric:
        Double]
    {
        let now = state.clock.now
        let patience = deadline > now ? min(deadline - now, FigureSource.patience) : 1
        do {
            return try figures.values(of: metrics, since: start, within: patience)
        } catch is FigureSource.Missing {
            return [:]
        } catch is GuestAgent.Late {
            return [:]
        } catch is GuestAgent.Lost {
            return [:]
        } catch QMPClient.Failure.silent where state.isFrozen {
            return [:]
        }
    }

    /// Waits until all conditions hold at once.
    func wait(for conditions: [Condition], _ step: Step, since start: UInt64) throws {
        let metrics = conditions.flatMap(\.metrics)
        /// Values that have to stay as they are, and since when they have.
        var steady: [Metric: (value: Double, since: UInt64)] = [:]
        while true {
            let values = try knownValues(of: metrics, since: start, until: start + step.timeout)
            let now = state.clock.now
            for (metric, value) in values where steady[metric]?.value != value { steady[metric] = (value, now) }
            let missing = conditions.filter { condition in
                guard let value = values[condition.metric] else { return true }
                if case .unchanged(let time) = condition.comparison {
                    return now - (steady[condition.metric]?.since ?? now) < time
                }
                return condition.comparison.holds(value) { values[$0] } != true
            }
            guard let first = missing.first else { return note(values, of: metrics, step) }
            guard now < start + step.timeout else {
                note(values, of: metrics, step)
                throw diagnosis.failure(
                    .timeout,
                    "waited \(Milliseconds(step.timeout)) for \(first.expectation(values)), but it is \(found(first, values))",
                    line: first.line)
            }
            try state.pause(Self.interval)
        }
    }

    func wait(forConsole text: String, _ step: Step, since start: UInt64) throws {
        let console = ConsoleText(path: machine.console)
        while !console.text(since: 0).contains(text) {
            guard state.clock.now < start + step.timeout else {
                throw diagnosis.failure(
                    .timeout, "waited \(Milliseconds(step.timeout)) for \"\(text)\" on the console", line: step.line)
            }
            try state.pause(Self.interval)
        }
    }

    /// Works out figures with names, and has the report show them.
    func evaluate(
        _ list: [NamedExpression], _ step: Step, since start: UInt64, _ body: (NamedExpression, Double) -> Void
    ) throws {
        var lines: [String] = []
        for figure in list {
            let value = try value(of: figure.expression, since: start)
            let metric = figure.expression.metrics.first { $0.isSize }
            lines.append("\(figure.name) = \(metric?.text(value) ?? Metric.number(value))")
            body(figure, value)
        }
        state.note(output: lines.joined(separator: "\n"), of: step.number)
    }

    func measure(_ list: [NamedExpression], _ step: Step, since start: UInt64) throws {
        try evaluate(list, step, since: start) { figure, value in
            let metrics = figure.expression.metrics
            let unit: CaseReport.Measurement.Unit =
                metrics.contains(where: \.isSize)
                ? .bytes : metrics.contains(.elapsed) || metrics.contains(.took) ? .seconds : .count
            state.measure(CaseReport.Measurement(figure.name, value, unit))
        }
    }
}
