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

    func check(_ conditions: [Condition], since start: UInt64) throws {
        let metrics = conditions.flatMap(\.metrics)
        let values = try figures.values(of: metrics, since: start, within: FigureSource.patience)
        for condition in conditions {
            guard let value = values[condition.metric], condition.comparison.holds(value, { values[$0] }) != true else {
                continue
            }
            throw CaseFailure(
                .check, "expected \(condition.text), but it is \(condition.metric.text(value))", line: condition.line,
                at: state.clock.now)
        }
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
            guard let first = missing.first else { return }
            guard now < start + step.timeout else {
                let found =
                    values[first.metric].map { first.metric.text($0) } ?? "not known: the guest does not tell it"
                throw diagnosis.failure(
                    .timeout, "waited \(Milliseconds(step.timeout)) for \(first.text), but it is \(found)",
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

    /// Waits until a command in the guest ends with status 0.
    func wait(forGuest command: String, _ step: Step, since start: UInt64) throws {
        let deadline = start + step.timeout
        var found = "has not ended"
        while true {
            do {
                let result = try agent.run(["sh", "-c", command], within: deadline - min(deadline, state.clock.now))
                state.note(output: result.text + result.errorText, of: step.number)
                if result.status == .exited(0) { return }
                found =
                    "ends with \(result.status.text)" + Self.excerpt("errors", result.errorText)
                    + Self.excerpt("output", result.text)
            } catch is GuestAgent.Late {
                // What it did before is told.
            } catch is GuestAgent.Lost {
                found = "can't be asked: the guest's agent is gone"
            }
            guard state.clock.now < deadline else {
                throw diagnosis.failure(
                    .timeout, "waited \(Milliseconds(step.timeout)) for '\(command)', but it \(found)", line: step.line)
            }
            try state.pause(min(Self.interval, deadline - min(deadline, state.clock.now)))
        }
    }

    func measure(_ list: [NamedExpression], since start: UInt64) throws {
        for figure in list {
            let metrics = figure.expression.metrics
            let unit: CaseReport.Measurement.Unit =
                metrics.contains(where: \.isSize)
                ? .bytes : metrics.contains(.elapsed) || metrics.contains(.took) ? .seconds : .count
            state.measure(
                CaseReport.Measurement(figure.name, try value(of: figure.expression, since: start), unit))
        }
    }
}
