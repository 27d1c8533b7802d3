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
            _ = ByteStream.waitUntilReadable(signals.descriptor, milliseconds: nil)
            interruption.want()
        }
    }
}
