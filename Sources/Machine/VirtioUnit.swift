import Configuration
import GuestMemory
import Host
import Virtio

/// A virtio device in its place in a machine: its registers' window, its interrupt line and the events of its queues.
/// It belongs to the event loop's thread.
final class VirtioUnit<Device> {
    let window: MachineLayout.VirtioWindow
    let interrupt: InterruptEvent
    let queues: QueueEvents
    let transport: VirtioMMIOTransport<Device>
    /// By queue, for whoever serves some of them elsewhere.
    private var tokens: [EventLoop.Token] = []

    /// - Parameters:
    ///   - memory: where the guest's queues and buffers are.
    ///   - interruptsByEvent: whether the kernel is to deliver interrupts while the device goes on.
    convenience init(
        _ device: sending Device, window: MachineLayout.VirtioWindow, memory: GuestMemory,
        interruptsByEvent: Bool = false
    ) throws(SystemCallError) where Device: VirtioDevice {
        self.init(
            device, window: window, memory: memory,
            interrupt: InterruptEvent(by: interruptsByEvent || window.isShared ? try EventDescriptor() : nil),
            queues: try QueueEvents(count: device.queueSizes.count))
    }

    /// - Parameters:
    ///   - memory: where the guest's queues and buffers are.
    ///   - interrupt: interrupts the guest.
    ///   - queues: one event for each queue of the device.
    init(
        _ device: sending Device, window: MachineLayout.VirtioWindow, memory: GuestMemory, interrupt: InterruptEvent,
        queues: QueueEvents
    ) where Device: VirtioDevice {
        self.window = window
        self.interrupt = interrupt
        self.queues = queues
        transport = VirtioMMIOTransport(
            device: device, memory: memory, interruptLine: interrupt, notifier: queues)
    }

    /// Serves a device whose queues somebody else serves: only its driver is watched.
    ///
    /// - Parameter onDriver: the driver has come further, begins anew or broke a rule.
    func serveElsewhere(on loop: EventLoop, onDriver: @escaping () -> Void) throws(SystemCallError) {
        _ = try loop.add(queues.driver.descriptor, .readable) { [queues] _ in
            queues.driver.drain()
            onDriver()
        }
    }

    /// Serves the device from now on.
    ///
    /// - Parameters:
    ///   - onQueue: the guest has something in a queue, or the queue wants another turn.
    ///   - onDriver: the driver has come further, begins anew or broke a rule.
    func serve(
        on loop: EventLoop, onQueue: @escaping (Int) -> Void, onDriver: @escaping () -> Void
    ) throws(SystemCallError) {
        try serveElsewhere(on: loop, onDriver: onDriver)
        for (index, event) in queues.events.enumerated() {
            // Each signal is told of, whether or not the ones before were read: so nobody reads them.
            tokens.append(try loop.add(event.descriptor, .moreReadable) { _ in onQueue(index) })
        }
    }

    /// Leaves a queue's event to somebody else, or takes it back; then it is looked at once, as the kernel tells of what was
    /// signalled ever.
    func listen(toQueue index: Int, _ isHere: Bool, on loop: EventLoop) throws(SystemCallError) {
        try loop.modify(tokens[index], isHere ? .moreReadable : [])
    }
}

extension VirtioUnit: VirtioPlace where Device: VirtioDevice {
    var registers: any PlatformBus.RegisterWindow { transport }
    var notifyOffset: UInt64 { VirtioMMIOTransport<Device>.notifyOffset }

    func systemReset() { transport.systemReset() }
}

/// Where a virtio device is, whatever its type.
protocol VirtioPlace: AnyObject {
    var window: MachineLayout.VirtioWindow { get }
    var interrupt: InterruptEvent { get }
    var queues: QueueEvents { get }
    var registers: any PlatformBus.RegisterWindow { get }
    /// Offset in bytes of the register that the guest notifies queues by.
    var notifyOffset: UInt64 { get }

    /// Puts the device back to where it was at power-on.
    func systemReset()
}
