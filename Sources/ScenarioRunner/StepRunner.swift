import AgentProtocol
import Configuration
import Host
import JSON
import QMPProtocol
import Scenario
import SystemPackage
import TestReport

/// Does what a scenario's steps say, one after the other.
struct StepRunner: Sendable {
    let scenario: Scenario
    let seed: UInt64
    let machine: TestedMachine
    let agent: GuestAgent
    let workloads: WorkloadList
    let figures: FigureSource
    let diagnosis: Diagnosis
    /// Is told when a step begins and ends.
    let progress: @Sendable (StepReport) -> Void

    var state: CaseState { figures.state }

    /// Milliseconds between two looks at what is waited for.
    static let interval: UInt64 = 200

    /// - Throws: `CaseState.Over` where the case has failed.
    func run(_ steps: [Step]) throws(CaseState.Over) {
        for step in steps { try run(step) }
    }

    func run(_ step: Step) throws(CaseState.Over) {
        try state.checkIsGoing()
        var report = StepReport(
            number: step.number, text: step.title, line: step.line, begun: state.clock.now)
        state.begin(report)
        progress(report)
        do {
            try perform(step, since: report.begun)
            report.outcome = .passed
        } catch {
            let failure = failure(error, step)
            // Whatever else goes on when a case fails has not failed itself.
            let isOwn = failure.map { state.claim($0) } ?? state.hasFailedStep(within: step.number)
            report.outcome = isOwn ? .failed : .interrupted
        }
        report.milliseconds = state.clock.now - report.begun
        state.end(step.number, report.outcome)
        progress(report)
        guard report.outcome == .passed else { throw CaseState.Over() }
    }

    /// Why a step failed; nil where the case had failed before.
    private func failure(_ error: any Error, _ step: Step) -> CaseFailure? {
        let text = step.name ?? step.text
        switch error {
        case is CaseState.Over: return nil
        case let failure as CaseFailure: return failure
        case let failure as RunningWorkload.Failure:
            return diagnosis.failure(failure.kind, failure.message, line: step.line)
        case is GuestAgent.Late:
            return diagnosis.failure(.timeout, "\(text): not done after \(Milliseconds(step.timeout))", line: step.line)
        case is GuestAgent.Lost:
            return diagnosis.failure(.check, "\(text): the connection to the guest's agent was lost", line: step.line)
        case let missing as FigureSource.Missing:
            return CaseFailure(.check, missing.message, line: step.line, at: state.clock.now)
        case let failure as AgentFailure:
            return diagnosis.failure(.check, "\(text): \(failure)", line: step.line)
        case let failure as ProtocolError:
            return diagnosis.failure(
                .check, "\(text): the guest's agent says what it can't mean: \(failure)", line: step.line)
        case QMPClient.Failure.refused(let error):
            return CaseFailure(.check, "\(text): refused: \(error)", line: step.line, at: state.clock.now)
        default:
            return diagnosis.failure(.host, "\(text): \(error)", line: step.line)
        }
    }

    private func perform(_ step: Step, since start: UInt64) throws {
        switch step.action {
        case .resize(let resize):
            try self.resize(resize, step)
            if resize.settles { try settle(step, since: start) }
        case .wait(let conditions): try wait(for: conditions, step, since: start)
        case .pause(let milliseconds): try state.pause(milliseconds)
        case .console(let text): try wait(forConsole: text, step, since: start)
        case .waitForGuest(let command): try wait(forGuest: command, step, since: start)
        case .settle: try settle(step, since: start)
        case .check(let conditions): try check(conditions, step, since: start)
        case .guest(let command): try run(command, step)
        case .startWorkload(let workload): try self.start(workload, step, since: start)
        case .verifyWorkload(let name): try workload(name, step).verify(within: step.timeout)
        case .stopWorkload(let name):
            try workload(name, step).stop(within: step.timeout)
            workloads.remove(name)
        case .reboot(let reboot): try self.reboot(reboot, step)
        case .stop: try machine.execute("stop")
        case .cont:
            try machine.execute("cont")
            // While it was paused it could not follow.
            state.noteResize()
        case .inject(let fault): try inject(fault)
        case .keep(let list):
            try evaluate(list, step, since: start) { state.keep($0.name, $1) }
        case .measure(let list): try measure(list, step, since: start)
        case .parallel(let branches): try runSideBySide(branches)
        case .repeat(let count, let steps):
            for _ in 0..<count { try run(steps) }
        case .random(let random): try resize(random, step)
        }
    }

    /// - Throws: `CaseState.Over` where one of them has failed.
    private func runSideBySide(_ branches: [[Step]]) throws {
        var threads: [Thread] = []
        do {
            for branch in branches {
                threads.append(
                    try Thread(name: "steps") {
                        // It is noted in the state why it is over.
                        try? run(branch)
                    })
            }
        } catch {
            state.fail(CaseFailure(.host, "\(error)", at: state.clock.now))
        }
        for thread in threads { thread.join() }
        try state.checkIsGoing()
    }
}
