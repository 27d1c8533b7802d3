import Glibc
import Host
import ScenarioRunner

/// Ends a run of scenarios when a signal asks for it.
final class TestInterruption: Sendable {
    private let interruption: Interruption
    private let signals: SignalDescriptor

    init(_ interruption: Interruption, _ signals: consuming SignalDescriptor) {
        self.interruption = interruption
        self.signals = signals
    }

    func start() throws {
        _ = try Thread(name: "signals") { [self] in
            while true {
                _ = ByteStream.waitUntilReadable(signals.descriptor, milliseconds: nil)
                guard signals.next() != nil else { continue }
                // The second time, at once: machines end with this process.
                if interruption.isWanted { _exit(130) }
                interruption.want()
            }
        }
    }
}
