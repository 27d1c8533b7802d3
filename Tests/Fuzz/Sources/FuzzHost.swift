import Synchronization
import Virtio

/// Counts interrupts and keeps notifications.
final class FuzzHost: InterruptLine, QueueNotifier {
    private let pulses = Mutex(0)
    private let notifications = Mutex<[Int]>([])

    func pulse() {
        pulses.withLock { $0 += 1 }
    }

    func notify(queue index: Int) {
        // One event for each queue, as in a machine.
        notifications.withLock { if !$0.contains(index) { $0.append(index) } }
    }

    /// How many interrupts came since this was last asked.
    func takePulses() -> Int {
        pulses.withLock { pulses in
            defer { pulses = 0 }
            return pulses
        }
    }

    /// Which queues want a turn since this was last asked.
    func takeNotifications() -> [Int] {
        notifications.withLock { notifications in
            defer { notifications = [] }
            return notifications
        }
    }
}
