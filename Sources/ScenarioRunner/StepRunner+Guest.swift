import AgentProtocol
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
                _ = try? agent.run(["sh", "-c", command.command], within: min(step.timeout, 10_000))
            }
        }
        let result = try agent.run(["sh", "-c", command.command], within: step.timeout)
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
        let word = String(result.text.split(whereSeparator: \.isWhitespace).first ?? "")
        guard let value = Double(word), value.isFinite else {
            throw CaseFailure(
                .check, "'\(command.command)': keep \(name): \"\(word)\" is no number", line: step.line,
                at: state.clock.now)
        }
        state.keep(name, value)
    }

    private static func excerpt(_ name: String, _ text: String) -> String {
        text.isEmpty ? "" : "; \(name): \(text.suffix(excerpt))"
    }

    func start(_ workload: Workload, _ step: Step, since start: UInt64) throws {
        let size = try value(of: workload.size, since: start)
        guard size >= 0, size < 0x1p62 else {
            throw CaseFailure(.check, "workload: \(Metric.number(size)) bytes is no size", at: state.clock.now)
        }
        let bytes = UInt64(size) / 4096 * 4096
        workloads.add(try RunningWorkload(workload, bytes: bytes, agent, within: step.timeout))
    }

    // MARK: Starting anew

    /// Does what makes the guest start anew, and waits until its agent answers from another boot.
    func restart(_ step: Step, _ body: () throws -> Void) throws {
        let before = try agent.bootID(within: step.timeout)
        state.beginRestart()
        defer { state.endRestart(console: ConsoleText(path: machine.console).size) }
        workloads.removeAll()
        try body()
        let deadline = state.clock.now + max(step.timeout, Self.bootTime)
        while state.clock.now < deadline {
            if let death = diagnosis.death(patience: 0) {
                throw CaseFailure(.vmmDied, death, line: step.line, at: state.clock.now)
            }
            if let boot = try? agent.bootID(within: min(Self.probeTime, deadline - state.clock.now)), boot != before {
                return state.noteBoot()
            }
            try state.pause(Self.interval)
        }
        throw CaseFailure(
            .guestHung, "the guest has not come back within \(max(step.timeout, Self.bootTime)) ms of its restart",
            line: step.line, at: state.clock.now)
    }

    /// Milliseconds that a boot may take at least, and that the agent of a guest that has just booted may take.
    static let bootTime: UInt64 = 240_000
    private static let probeTime: UInt64 = 5_000

    func begin(_ reboot: Reboot) throws {
        switch reboot {
        case .guest: _ = try? agent.run(["sh", "-c", "sync; reboot -f"], within: 10_000)
        case .host: try machine.execute("system_reset")
        case .kexec(let words):
            let load = "kexec-load /boot/vmlinuz /boot/initrd \"$(cat /proc/cmdline) \(words)\""
            let result = try agent.run(["sh", "-c", load], within: 60_000)
            guard result.status == .exited(0) else {
                throw CaseFailure(
                    .check, "kexec: the kernel can't be loaded (\(result.status.text)): \(result.errorText)",
                    at: state.clock.now)
            }
            _ = try? agent.run(["kexec-load", "-e"], within: 5_000)
        }
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
            state.fail(diagnosis.failure(failure.kind, "at the end: \(failure.message)", line: nil))
        } catch {
            state.fail(diagnosis.failure(.check, "at the end: the workloads can't be asked: \(error)", line: nil))
        }
    }
}
