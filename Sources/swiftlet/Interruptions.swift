import Glibc
import Host

/// Signals that ask the process to end, which first has to clean up.
final class Interruptions {
    /// Such a signal has come.
    struct Interruption: Error {
        let signal: CInt
    }

    private let signals: SignalDescriptor

    init() throws(SystemCallError) {
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
    }

    /// - Throws: `Interruption`.
    func check() throws {
        if let signal = signals.next() { throw Interruption(signal: signal) }
    }
}
