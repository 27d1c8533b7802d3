import AgentProtocol
import Configuration
import Scenario
import TestReport

/// Steps by which the guest starts anew.
extension StepRunner {
    /// Milliseconds that the agent may take that is about to be gone, and one of a guest that has just booted.
    static let lastWords: UInt64 = 10_000
    private static let probeTime: UInt64 = 5_000
    /// Milliseconds after which a guest that is still the same does not start anew.
    private static let delay: UInt64 = 30_000

    /// Reboots, resets or starts another kernel: a panic on the way is a failure, and so is a reset too many.
    func reboot(_ reboot: Reboot, _ step: Step) throws {
        let console = ConsoleText(path: machine.console).size
        let resets = state.count(ofEvent: "RESET")
        try restart(step) {
            try begin(reboot)
            return nil
        }
        if let panic = diagnosis.panic(since: console) {
            throw CaseFailure(.guestPanicked, panic, line: step.line, at: state.clock.now)
        }
        let count = state.count(ofEvent: "RESET") - resets
        let expected: UInt64 = if case .kexec = reboot { 0 } else { 1 }
        guard count <= expected else {
            throw CaseFailure(
                .guestRebooted, "\(step.text): the machine was reset \(count) times instead of \(expected)",
                line: step.line,
                at: state.clock.now)
        }
    }

    private func begin(_ reboot: Reboot) throws {
        switch reboot {
        case .guest: _ = try? agent.run(["sh", "-c", "sync; reboot -f"], within: Self.lastWords)
        case .host: try machine.execute("system_reset")
        case .kexec(let words):
            let load = "kexec-load /boot/vmlinuz /boot/initrd \"$(cat /proc/cmdline) \(words)\""
            let result = try agent.run(["sh", "-c", load], within: Step.defaultTimeout)
            guard result.status == .exited(0) else {
                throw CaseFailure(
                    .check, "kexec: the kernel can't be loaded (\(result.status.text)): \(result.errorText)",
                    at: state.clock.now)
            }
            _ = try? agent.run(["kexec-load", "-e"], within: Self.probeTime)
        }
    }

    /// Does what makes the guest start anew, and waits until its agent answers from another boot.
    ///
    /// - Parameter body: what it returns is told where the guest does not.
    func restart(_ step: Step, _ body: () throws -> String?) throws {
        let deadline = state.clock.now + step.timeout
        let before = try agent.bootID(within: step.timeout)
        state.beginRestart()
        defer {
            // Not before: a workload whose connection is closed ends, and what it had is free for others, while a crash kernel
            // is to find it.
            workloads.removeAll()
            state.endRestart(console: ConsoleText(path: machine.console).size)
        }
        let words = try body()
        let last = state.clock.now + Self.delay
        while state.clock.now < deadline {
            try state.checkIsGoing()
            if let (kind, text) = diagnosis.death(patience: 0) {
                throw CaseFailure(kind, text, line: step.line, at: state.clock.now)
            }
            let boot = try? agent.bootID(within: min(Self.probeTime, deadline - min(state.clock.now, deadline)))
            if let boot, boot != before { return state.noteBoot() }
            if boot != nil, state.clock.now > last {
                throw CaseFailure(
                    .check, "\(step.text): the guest has not started anew" + (words.map { "; \($0)" } ?? ""),
                    line: step.line,
                    at: state.clock.now)
            }
            try state.pause(Self.interval)
        }
        throw CaseFailure(
            .guestHung, "\(step.text): the guest has not come back within \(Milliseconds(step.timeout))",
            line: step.line,
            at: state.clock.now)
    }
}
