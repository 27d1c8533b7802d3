import Synchronization
import Virtio

/// Counts a device's interrupts, and ignores that it wants to be served: tests serve it themselves.
final class RecordingHost: InterruptLine, QueueNotifier {
    private let pulseCount = Atomic<Int>(0)

    func pulse() {
        pulseCount.add(1, ordering: .sequentiallyConsistent)
    }

    func notify(queue index: Int) {}

    /// How many interrupts there were since this was last asked.
    func takePulses() -> Int {
        pulseCount.exchange(0, ordering: .sequentiallyConsistent)
    }
}
