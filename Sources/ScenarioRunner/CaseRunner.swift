import Configuration
import Control
import Glibc
import Host
import Scenario
import SystemPackage
import TestReport

/// Runs a case from its machine's start to its end.
public struct CaseRunner: Sendable {
    /// What is told while it goes on.
    public enum Progress: Sendable {
        case boots
        case step(StepReport)
    }

    let context: RunContext
    let progress: @Sendable (Progress) -> Void

    private static let consoleLines = 60
    /// Milliseconds that a guest may take for its last figures.
    private static let lastLook: UInt64 = 5_000
    private static let kernelLogLines = 300

    /// - Parameters:
    ///   - begun: when, in milliseconds since the run's beginning.
    ///   - scratch: an empty directory.
    func run(_ item: ScenarioSuite.Item, begun: UInt64, scratch: FilePath) -> CaseReport {
        let scenario = item.test.scenario
        var report = CaseReport(item, begun: begun)
        let state = CaseState()
        context.interruption.ends(state)
        defer { context.interruption.ends(nil) }
        do {
            let guest = try GuestFiles(scenario, cache: context.cache)
            let machine = try TestedMachine(context.program, try arguments(scenario, guest, scratch), in: scratch) {
                !state.isOver
            }
            defer {
                state.beginEnd()
                machine.end()
                MemoryLimit(of: machine.number).remove()
            }
            try run(scenario, item.seed, machine, state, &report)
        } catch let error as RunnerError {
            state.fail(CaseFailure(.host, error.description, at: state.clock.now))
        } catch {
            state.fail(CaseFailure(.host, "\(error)", at: state.clock.now))
        }
        state.complete(&report)
        addSkipped(scenario, &report)
        judge(scenario, &report)
        return report
    }

    private func arguments(_ scenario: Scenario, _ guest: GuestFiles, _ scratch: FilePath) throws -> [String] {
        var arguments = try ScratchDisks(scenario.machine, in: scratch).arguments
        arguments += guest.arguments
        arguments += ["--vsock", "cid=3,socket=\(scratch.appending("vsock"))"]
        let words = scenario.guest.words
        guard !words.isEmpty else { return arguments }
        // It stands behind what the file says: the last one counts.
        if let index = arguments.firstIndex(where: { $0.hasPrefix("--cmdline=") }) {
            arguments[index] += " " + words
        } else {
            arguments.append("--cmdline=\(words)")
        }
        return arguments
    }

    private func run(
        _ scenario: Scenario, _ seed: UInt64, _ machine: TestedMachine, _ state: CaseState, _ report: inout CaseReport
    ) throws {
        let agent = GuestAgent(socket: machine.agentSocket, state: state)
        let figures = FigureSource(machine: machine, agent: agent, state: state)
        let diagnosis = Diagnosis(machine: machine, agent: agent, state: state)
        let workloads = WorkloadList()
        progress(.boots)
        let watch = MachineWatch(scenario: scenario, figures: figures, diagnosis: diagnosis)
        var threads = [try Thread(name: "watch") { watch.run() }]
        defer {
            state.beginEnd()
            for thread in threads { thread.join() }
        }
        do {
            try boot(agent, diagnosis, state)
            let guest = GuestWatch(scenario: scenario, figures: figures, workloads: workloads, diagnosis: diagnosis)
            threads.append(try Thread(name: "guest") { guest.run() })
            threads.append(try Thread(name: "workloads") { guest.lookAtWorkloads() })
            let deadline = state.clock.now + scenario.timeout
            threads.append(
                try Thread(name: "deadline") {
                    while state.clock.now < deadline, !state.areStepsOver { pauseBriefly() }
                    guard !state.areStepsOver else { return }
                    state.fail(
                        diagnosis.failure(
                            .timeout, "the scenario took longer than \(Milliseconds(scenario.timeout))", line: nil))
                })
            let runner = StepRunner(
                scenario: scenario, seed: seed, machine: machine, agent: agent, workloads: workloads, figures: figures,
                diagnosis: diagnosis, progress: { progress(.step($0)) })
            try runner.run(scenario.steps)
            if scenario.invariants.keepsData { try runner.verifyAll() }
            state.finishSteps()
            // Where the curves end.
            if !guest.isExcused { try guest.hear(within: Self.lastLook) }
        } catch is CaseState.Over {
            // Why, is in the state.
        } catch {
            state.fail(CaseFailure(.host, "\(error)", at: state.clock.now))
        }
        state.beginEnd()
        // One that does not run tells nothing more.
        let isRunning = (try? machine.execute("query-status"))?["running"] == .boolean(true)
        if isRunning, state.failure?.kind.isSilence != true { report.kernelLog = kernelLog(agent) }
        if state.failure != nil { report.console = ConsoleText(path: machine.console).lastLines(Self.consoleLines) }
    }

    /// Waits for the guest's agent.
    private func boot(_ agent: GuestAgent, _ diagnosis: Diagnosis, _ state: CaseState) throws {
        while state.clock.now < Step.restartTimeout {
            try state.checkIsGoing()
            if (try? agent.bootID(within: 5_000)) != nil { return state.noteBoot() }
            if let (kind, text) = diagnosis.death(patience: 0) {
                return state.fail(CaseFailure(kind, text, at: state.clock.now))
            }
            pauseBriefly()
        }
        state.fail(
            CaseFailure(
                .guestHung, "the guest's agent has not answered within \(Step.restartTimeout / 1000) s of the start",
                at: state.clock.now))
    }

    /// What of the guest kernel's log is about memory, or about failures.
    private func kernelLog(_ agent: GuestAgent) -> [String] {
        let watcher = GuestAgent(socket: agent.socket, state: CaseState())
        guard let text = try? watcher.run(["dmesg"], within: 10_000).text else { return [] }
        let words = [
            "virtio_mem", "memory", "Memory", "offlin", "onlin", "hotplug", "oom", "Out of", "Kill", "BUG", "WARN",
            "panic", "Call Trace", "error", "zone",
        ]
        let lines = text.split(separator: "\n").filter { line in
            // What firmware keeps for itself is about memory, too, and nobody's concern.
            !line.contains("ACPI: Reserving") && words.contains { line.contains($0) }
        }
        return lines.suffix(Self.kernelLogLines).map(String.init)
    }

    /// Steps that were never begun.
    private func addSkipped(_ scenario: Scenario, _ report: inout CaseReport) {
        for step in scenario.steps where !report.steps.contains(where: { $0.number == step.number }) {
            report.steps.append(
                StepReport(
                    number: step.number, text: step.title, line: step.line, outcome: .skipped,
                    begun: report.milliseconds))
        }
    }

    /// A scenario that has to fail passes when it fails as it says.
    private func judge(_ scenario: Scenario, _ report: inout CaseReport) {
        guard let expected = scenario.failure else { return }
        if case .failed(let failure) = report.outcome, failure.isInterruption { return }
        switch report.outcome {
        case .failed(let failure) where failure.kind == expected.kind && failure.message.contains(expected.message):
            report.outcome = .passed
            report.foreseen = failure
        case .failed(let failure):
            report.outcome = .failed(
                CaseFailure(
                    .check,
                    "expected it to fail by \(expected.kind.rawValue) with \"\(expected.message)\", but it failed by"
                        + " \(failure.kind.rawValue): \(failure.message)", line: failure.line, at: failure.at))
        case .passed:
            report.outcome = .failed(
                CaseFailure(
                    .check,
                    "expected it to fail by \(expected.kind.rawValue) with \"\(expected.message)\", but it passed",
                    at: report.milliseconds))
        case .skipped: break
        }
    }
}

extension CaseFailure.Kind {
    /// Whether the guest's agent can't answer any more.
    fileprivate var isSilence: Bool {
        switch self {
        case .guestHung, .guestPanicked, .vmmDied: true
        case .check, .invariant, .timeout, .guestRebooted, .host: false
        }
    }
}
