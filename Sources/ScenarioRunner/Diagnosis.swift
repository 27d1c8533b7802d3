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
        func failure(_ found: (CaseFailure.Kind, String)) -> CaseFailure {
            CaseFailure(found.0, "\(found.1); \(message)", line: line, at: at)
        }
        if let found = accident(patience: 0) { return failure(found) }
        if state.isFrozen { return CaseFailure(kind, message + " (the machine is frozen)", line: line, at: at) }
        if isPaused { return CaseFailure(kind, message + " (the machine is paused)", line: line, at: at) }
        if isAlive { return CaseFailure(kind, message, line: line, at: at) }
        // It may have died, or panicked, just now.
        if let found = accident(patience: Self.interval) { return failure(found) }
        return failure(
            (
                .guestHung,
                "the guest's agent has not answered for \(Self.patience / 1000) s, though the machine runs"
            ))
    }

    private func accident(patience: UInt64) -> (CaseFailure.Kind, String)? {
        if let found = death(patience: patience) { return found }
        if let panic { return (.guestPanicked, panic) }
        guard !state.mayRestart, state.count(ofEvent: "RESET") > state.expectedResets else { return nil }
        return Self.restart
    }

    /// What a reset is that nobody asked for, where the guest's kernel has not panicked.
    static let restart = (CaseFailure.Kind.guestRebooted, "the guest has restarted without being told to")

    /// How the machine's process ended; nil where it runs.
    func death(patience: UInt64) -> (CaseFailure.Kind, String)? {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        repeat {
            switch machine.ending {
            case nil: break
            // It ends well when its guest does, or somebody told it to.
            case .exited(status: 0): return (.guestRebooted, "the guest has ended")
            case .some(let ending):
                let text = machine.errors
                return (.vmmDied, "the machine's process has ended with \(ending)" + (text.isEmpty ? "" : ": \(text)"))
            }
            guard patience > 0 else { return nil }
            pauseBriefly()
        } while MonotonicInstant.now() < deadline
        return nil
    }

    /// What the guest's kernel says of its panic.
    var panic: String? {
        guard !state.mayRestart else { return nil }
        return panic(since: state.consoleStart)
    }

    /// The same, since the console had so many bytes.
    func panic(since offset: UInt64) -> String? {
        ConsoleText(path: machine.console).panic(since: offset).map { "the guest's kernel has panicked: \($0)" }
    }

    private var isPaused: Bool {
        (try? machine.execute("query-status"))?["running"] == .boolean(false)
    }

    private var isAlive: Bool {
        (try? agent.run(["true"], within: Self.patience)) != nil
    }
}
