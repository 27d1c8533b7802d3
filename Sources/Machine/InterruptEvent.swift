import Devices
import Host
import KVM
import Synchronization
import Virtio

/// An interrupt line of the guest.
///
/// Whoever has it for himself pulses it by calls to KVM, and it is done with when they return. Where others interrupt the
/// guest by the same line, such as vhost or another device, all do so by events (irqfd): a thread of the kernel delivers
/// these later, as the line leads to an interrupt controller and is no message. A pulse is two calls, and one by an event
/// that comes between them would be lost.
final class InterruptEvent: InterruptLine {
    private let event: EventDescriptor?
    private let state = Mutex(State())

    private struct State {
        /// Pulses the line that this leads to.
        var line: (@Sendable () -> Void)?
        /// Whether pulses wait, and whether one does.
        var isHeld = false
        var isPending = false
    }

    /// - Parameter event: for a line that has other users, or whose pulses the kernel is to deliver meanwhile.
    init(by event: EventDescriptor? = nil) {
        self.event = event
    }

    /// Leads to a line of a virtual machine from now on, instead of one before it, as long as that lives.
    func connect(to vm: KVMVirtualMachine, gsi: UInt32) throws(SystemCallError) {
        if let event {
            try vm.assignInterrupt(event, gsi: gsi)
            connect { event.signal() }
        } else {
            connect { [weak vm] in vm?.pulseInterrupt(gsi: gsi) }
        }
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
