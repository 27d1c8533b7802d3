import AgentProtocol
import Host
import QMPProtocol
import TestReport

/// Tells why a guest or its machine does not do what it should: whether it is dead, panicked, restarted, hung, or merely late.
struct Diagnosis: Sendable {
    let machine: TestedMachine
    let agent: GuestAgent
    let state: CaseState

    /// Milliseconds that a guest may take for a sign of life.
    static let patience: UInt64 = 20_000
    /// How long a machine that hung up may take to be gone, and a kernel to finish what it says of its panic.
    private static let interval: UInt64 = 2_000

    /// - Parameters:
    ///   - kind: what it is where guest and machine are well.
    ///   - message: what was expected, and what was seen.
    func failure(_ kind: CaseFailure.Kind, _ message: String, line: Int?) -> CaseFailure {
        let at = state.clock.now
        func failure(_ kind: CaseFailure.Kind, _ cause: String) -> CaseFailure {
            CaseFailure(kind, cause + "; \(message)", line: line, at: at)
        }
        if let cause = death(patience: 0) { return failure(.vmmDied, cause) }
        if let cause = panic { return failure(.guestPanicked, cause) }
        if let cause = restart { return failure(.guestRebooted, cause) }
        guard !isPaused else { return CaseFailure(kind, message + " (the machine is paused)", line: line, at: at) }
        if isAlive { return CaseFailure(kind, message, line: line, at: at) }
        // It may have died, or panicked, just now.
        if let cause = death(patience: Self.interval) { return failure(.vmmDied, cause) }
        if let cause = panic { return failure(.guestPanicked, cause) }
        if let cause = restart { return failure(.guestRebooted, cause) }
        return failure(
            .guestHung, "the guest's agent has not answered for \(Self.patience / 1000) s, though the machine runs")
    }

    /// How the machine's process ended; nil where it runs.
    func death(patience: UInt64) -> String? {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        repeat {
            if let ending = machine.ending {
                let text = machine.errors
                return "the machine's process has ended with \(ending)" + (text.isEmpty ? "" : ": \(text)")
            }
            guard patience > 0 else { return nil }
            pauseBriefly()
        } while MonotonicInstant.now() < deadline
        return nil
    }

    /// What the guest's kernel says of its panic.
    var panic: String? {
        guard !state.mayRestart,
            let line = ConsoleText(path: machine.console).panic(since: state.consoleStart)
        else { return nil }
        return "the guest's kernel has panicked: \(line)"
    }

    private var restart: String? {
        guard !state.mayRestart, state.count(ofEvent: "RESET") + state.count(ofEvent: "SHUTDOWN") > state.expectedResets
        else { return nil }
        return "the guest has restarted without being told to"
    }

    private var isPaused: Bool {
        (try? machine.execute("query-status"))?["running"] == .boolean(false)
    }

    private var isAlive: Bool {
        (try? agent.run(["true"], within: Self.patience)) != nil
    }
}
