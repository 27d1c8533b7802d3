import Synchronization

@testable import Virtio

/// The host's side of a transport: counts interrupts, and keeps which queues were notified.
final class RecordingHost: InterruptLine, QueueNotifier {
    private let pulseCount = Atomic<Int>(0)
    private let notifications = Mutex<[Int]>([])
    private let changes = Atomic<Int>(0)

    func pulse() {
        pulseCount.add(1, ordering: .sequentiallyConsistent)
    }

    func notify(queue index: Int) {
        notifications.withLock { $0.append(index) }
    }

    func driverChanged() {
        changes.add(1, ordering: .sequentiallyConsistent)
    }

    /// How often the driver changed since this was last asked.
    func takeDriverChanges() -> Int {
        changes.exchange(0, ordering: .sequentiallyConsistent)
    }

    /// How many interrupts there were since this was last asked.
    func takePulses() -> Int {
        pulseCount.exchange(0, ordering: .sequentiallyConsistent)
    }

    /// The queues that were notified since this was last asked.
    func takeNotifications() -> [Int] {
        notifications.withLock { list in
            defer { list = [] }
            return list
        }
    }
}
