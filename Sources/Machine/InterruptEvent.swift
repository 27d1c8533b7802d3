import Devices
import Host
import KVM
import Synchronization
import Virtio

/// An interrupt line of the guest.
///
/// A device pulses it by a call to KVM, which is done with when it returns: what is written to an event (irqfd) is
/// delivered by a thread of the kernel, as long as the line leads to an interrupt controller and is no message. The event
/// is for others who interrupt the guest, such as vhost.
final class InterruptEvent: InterruptLine {
    let event: EventDescriptor
    private let state = Mutex(State())

    private struct State {
        /// Pulses the line that this leads to.
        var line: (@Sendable () -> Void)?
        /// Whether pulses wait, and whether one does.
        var isHeld = false
        var isPending = false
    }

    init() throws(SystemCallError) {
        event = try EventDescriptor()
    }

    /// Leads to a line of a virtual machine from now on, instead of one before it, as long as that lives.
    func connect(to vm: KVMVirtualMachine, gsi: UInt32) throws(SystemCallError) {
        try vm.assignInterrupt(event, gsi: gsi)
        connect { [weak vm] in vm?.pulseInterrupt(gsi: gsi) }
    }

    func connect(_ line: @escaping @Sendable () -> Void) {
        state.withLock { $0.line = line }
    }

    func pulse() {
        state.withLock { state in
            if state.isHeld { state.isPending = true } else { state.line?() }
        }
    }

    /// Pulses once for all that happens meanwhile, at its end. One holds at a time.
    func pulsingOnce(_ body: () -> Void) {
        state.withLock { $0.isHeld = true }
        body()
        state.withLock { state in
            state.isHeld = false
            if state.isPending { state.line?() }
            state.isPending = false
        }
    }
}
