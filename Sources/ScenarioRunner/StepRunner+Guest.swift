import AgentProtocol
import Configuration
import Scenario
import TestReport

/// Steps that the guest does.
extension StepRunner {
    /// How much of a command's output is shown where it is not as expected.
    private static let excerpt = 400

    func run(_ command: GuestCommand, _ step: Step) throws {
        guard !command.restarts else {
            return try restart(step) {
                // It may be gone before the agent can say anything.
                let result = try? agent.run(["sh", "-c", command.command], within: min(step.timeout, Self.lastWords))
                return result.map {
                    "'\(command.command)' ended with \($0.status.text)" + Self.excerpt("errors", $0.errorText)
                }
            }
        }
        let result = try agent.run(["sh", "-c", command.command], within: step.timeout)
        state.note(output: result.text + result.errorText, of: step.number)
        if let status = command.status, result.status != .exited(UInt8(status)) {
            throw CaseFailure(
                .check,
                "'\(command.command)' ended with \(result.status.text) instead of status \(status)"
                    + Self.excerpt("errors", result.errorText) + Self.excerpt("output", result.text), line: step.line,
                at: state.clock.now)
        }
        for (name, checks, text) in [
            ("output", command.output, result.text), ("errors", command.errors, result.errorText),
        ] {
            for check in checks where !check.holds(text) {
                throw CaseFailure(
                    .check,
                    "'\(command.command)': \(name) \(check.kind.rawValue) \"\(check.text)\" does not hold"
                        + Self.excerpt(name, text), line: check.line, at: state.clock.now)
            }
        }
        guard let name = command.keptAs else { return }
        // All of it: who overlooks a unit takes kilobytes for bytes.
        let words = result.text.split(whereSeparator: \.isWhitespace)
        guard words.count == 1, let value = Expression.number(String(words[0])) else {
            throw CaseFailure(
                .check,
                "'\(command.command)': keep \(name): expected a number, or a size such as 12M, and nothing else"
                    + Self.excerpt("output", result.text), line: step.line, at: state.clock.now)
        }
        state.keep(name, value)
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

    private static func excerpt(_ name: String, _ text: String) -> String {
        let end = text.suffix(excerpt).reversed().drop(while: \.isWhitespace).reversed()
        return end.isEmpty ? "" : "; \(name): \(String(end))"
    }

    func start(_ workload: Workload, _ step: Step, since start: UInt64) throws {
        let size = try value(of: workload.size, since: start)
        guard size >= 0, size < 0x1p62 else {
            throw CaseFailure(.check, "workload: \(Metric.number(size)) bytes is no size", at: state.clock.now)
        }
        let bytes = UInt64(size) / 4096 * 4096
        workloads.add(
            try RunningWorkload(
                workload, line: step.line, bytes: bytes, keepsData: scenario.invariants.keepsData, agent,
                within: step.timeout))
    }

    /// The workload of that name, which may be gone with the guest that it ran in.
    func workload(_ name: String, _ step: Step) throws -> RunningWorkload {
        guard let workload = workloads.workload(name) else {
            throw CaseFailure(.check, "no workload called \"\(name)\" runs", line: step.line, at: state.clock.now)
        }
        return workload
    }
}

extension StepRunner {
    /// Has all that keeps data look at it once more.
    func verifyAll() throws(CaseState.Over) {
        do {
            try workloads.forEach { try $0.verify(within: Step.defaultTimeout) }
        } catch is CaseState.Over {
            throw CaseState.Over()
        } catch let failure as RunningWorkload.Failure {
            state.fail(diagnosis.failure(failure.kind, "at the end: \(failure.message)", line: failure.line))
        } catch {
            state.fail(diagnosis.failure(.check, "at the end: the workloads can't be asked: \(error)", line: nil))
        }
    }
}
