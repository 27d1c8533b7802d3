import Host
import Virtio

/// The events by which a device's queues reach the event loop: KVM signals one when the guest writes a queue's index to
/// the notify register (ioeventfd), and so does a transport that wants another turn.
struct QueueEvents: QueueNotifier {
    /// One for each queue.
    let events: [EventDescriptor]
    /// Signalled when the driver has come further.
    let driver: EventDescriptor

    init(count: Int) throws(SystemCallError) {
        var events: [EventDescriptor] = []
        for _ in 0..<count {
            events.append(try EventDescriptor())
        }
        self.events = events
        driver = try EventDescriptor()
    }

    func notify(queue index: Int) {
        events[index].signal()
    }

    func driverChanged() {
        driver.signal()
    }
}
