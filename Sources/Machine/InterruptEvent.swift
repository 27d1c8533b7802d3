import Devices
import Host
import Virtio

/// An interrupt line of the guest: each pulse is one write to the event that KVM listens to (irqfd).
struct InterruptEvent: InterruptLine {
    let event: EventDescriptor

    func pulse() {
        event.signal()
    }
}
