import Synchronization
import TestReport

/// That somebody wants a run to end.
public final class Interruption: Sendable {
    private let values = Mutex((isWanted: false, state: CaseState?.none))

    public init() {}

    public var isWanted: Bool { values.withLock { $0.isWanted } }

    /// Ends the case that runs, and those behind it.
    public func want() {
        values.withLock { values in
            values.isWanted = true
            values.state?.fail(.interruption(at: values.state?.clock.now ?? 0))
        }
    }

    /// What an interruption ends.
    func ends(_ state: CaseState?) {
        values.withLock { values in
            values.state = state
            if values.isWanted { state?.fail(.interruption(at: 0)) }
        }
    }
}
