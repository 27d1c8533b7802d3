import Virtio
import Synchronization

/// An interrupt line that counts its edges.
final class PulseCounter: InterruptLine {
    private let pulses = Atomic<Int>(0)

    var count: Int { pulses.load(ordering: .relaxed) }

    func pulse() {
        pulses.add(1, ordering: .relaxed)
    }
}
