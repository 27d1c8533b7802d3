import Host
import Scenario
import TestReport

/// Looks at a guest all along: what its kernel says of its memory, whether it lives, and whether its programs keep what they
/// have written. It runs on threads of its own, as a guest may take long to answer.
struct GuestWatch: Sendable {
    let scenario: Scenario
    let figures: FigureSource
    let workloads: WorkloadList
    let diagnosis: Diagnosis

    /// Milliseconds for which what a guest has said is shown.
    static let freshness: UInt64 = 3_000
    /// Milliseconds between two questions.
    private static let interval: UInt64 = 1_000
    private static let workloadInterval: UInt64 = 300
    /// How long a guest may be silent, in milliseconds.
    static let patience: UInt64 = 60_000

    private var state: CaseState { figures.state }

    /// Watches until the case is over.
    func run() {
        var heard = state.clock.now
        do {
            while true {
                if try hear() || isExcused { heard = state.clock.now }
                guard state.clock.now < heard + Self.patience else {
                    return state.fail(
                        diagnosis.failure(.guestHung, "the guest has been silent for a minute", line: nil))
                }
                if !isExcused { try check() }
                try state.pause(Self.interval)
            }
        } catch {
            // The case is over.
        }
    }

    /// Looks whether workloads have said anything by themselves, or have ended, until the case is over. That needs no answer
    /// of the guest, which may take long where memory is short.
    func lookAtWorkloads() {
        while (try? state.pause(Self.workloadInterval)) != nil {
            guard !state.mayRestart, !state.isFrozen else { continue }
            for workload in workloads.all {
                do {
                    try workload.look()
                } catch let failure as RunningWorkload.Failure {
                    // One that a guest ends which is about to be gone is no failure of its own.
                    guard (try? state.pause(Self.interval)) != nil, !state.mayRestart else { break }
                    state.fail(diagnosis.failure(failure.kind, failure.message, line: failure.line))
                } catch {
                    // The guest does not answer now: whether it does at all is looked at elsewhere.
                }
            }
        }
    }

    /// Whether nothing is to be expected of the guest.
    var isExcused: Bool {
        state.mayRestart || state.isFrozen
            || (try? figures.machine.execute("query-status"))?["running"] == .boolean(false)
    }

    /// Asks the guest what it has.
    ///
    /// - Returns: whether it has answered.
    @discardableResult
    func hear(within patience: UInt64 = Self.patience / 2) throws(CaseState.Over) -> Bool {
        do {
            let report = try figures.agent.memory(within: patience)
            func amount(_ name: String) -> UInt64 { report.amounts.first { $0.name == name }?.value ?? 0 }
            state.noteGuest(total: amount("MemTotal"), free: amount("MemFree"))
            return true
        } catch is CaseState.Over {
            throw CaseState.Over()
        } catch {
            return false
        }
    }

    /// - Throws: `CaseState.Over` where something does not hold.
    private func check() throws(CaseState.Over) {
        do {
            for condition in scenario.invariants.conditions where condition.isGuests { try check(condition) }
        } catch is CaseState.Over {
            throw CaseState.Over()
        } catch let missing as FigureSource.Missing {
            state.fail(CaseFailure(.invariant, "invariants: \(missing.message)", at: state.clock.now))
        } catch {
            // It does not answer now: whether it does at all is looked at again.
        }
    }

    private func check(_ condition: Condition) throws {
        let values = try figures.values(of: condition.metrics, since: 0, within: FigureSource.patience)
        guard !isExcused, let value = values[condition.metric],
            condition.comparison.holds(value, { values[$0] }) == false
        else { return }
        state.fail(
            CaseFailure(
                .invariant,
                "invariant \(condition.expectation(values)): \(condition.metric) is \(condition.metric.text(value))",
                line: condition.line, at: state.clock.now))
    }
}
