import GuestMemory
import Synchronization

/// A device on the virtio-mmio transport, version 2 (virtio specification, 4.2): 512 bytes of registers, an interrupt
/// line and the queues.
///
/// Registers are read and written by vCPU threads, queues are processed by one other thread; the device is locked for
/// each. Nothing that the guest does throws or traps: a mistake with a queue makes the device need a reset.
public final class VirtioMMIOTransport<Device>: Sendable {
    /// How many queues the device has.
    public let queueCount: Int
    let deviceID: UInt32
    let offeredFeatures: UInt64
    /// What InterruptStatus always tells.
    let lastingCauses: InterruptCauses
    let interruptLine: any InterruptLine
    @usableFromInline let notifier: any QueueNotifier
    /// The InterruptStatus register: drivers read it in each interrupt, so it does not wait for the device.
    let interruptStatus = Atomic<UInt32>(0)
    @usableFromInline let state: Mutex<TransportState<Device>>

    /// How many bytes of guest-physical address space the registers take.
    public static var byteCount: UInt64 { 0x200 }
    /// Offset in bytes of QueueNotify: a 32-bit write of a queue's index. Where the host turns it into an event, the
    /// event's receiver calls `processQueue`.
    public static var notifyOffset: UInt64 { MMIORegister.queueNotify.rawValue }

    /// - Parameters:
    ///   - memory: where the driver's queues and buffers are.
    ///   - notifier: told about notifications that come as register writes, and about queues that need another turn.
    public init(
        device: sending Device, memory: GuestMemory, interruptLine: any InterruptLine, notifier: any QueueNotifier
    ) where Device: VirtioDevice {
        deviceID = device.deviceID
        lastingCauses = device.isServedElsewhere ? .usedBuffer : []
        let initial = TransportState(device: device, memory: memory)
        queueCount = initial.slots.count
        offeredFeatures = initial.offeredFeatures
        self.interruptLine = interruptLine
        self.notifier = notifier
        state = Mutex(initial)
    }
}

extension VirtioMMIOTransport where Device: VirtioDevice {
    /// Lets the device work on a queue, as long as its turn takes.
    ///
    /// - Returns: what the driver did wrong, because of which the device now needs a reset; nil if nothing.
    @discardableResult
    @inlinable
    public func processQueue(_ index: Int) -> VirtqueueError? {
        withQueue(index) { (device, queue) throws(VirtqueueError) in
            try device.process(queue: index, queue)
        }
    }

    /// Gives access to the device together with one of its queues, to complete chains that took longer. The driver is
    /// interrupted if it wants that. The body is not called while the queue can't be used. Where the queue was reset
    /// since, answers to chains from before are dropped.
    ///
    /// - Returns: what the driver did wrong, because of which the device now needs a reset; nil if nothing.
    @discardableResult
    @inlinable
    public func withQueue(
        _ index: Int, _ body: @Sendable (inout Device, SplitQueue) throws(VirtqueueError) -> Void
    ) -> VirtqueueError? {
        state.withLock { state -> VirtqueueError? in
            guard let reference = unsafe state.usableQueue(index) else { return nil }
            return unsafe reference._withUnsafeGuaranteedRef { queue -> VirtqueueError? in
                queue.beginTurn()
                do throws(VirtqueueError) {
                    try body(&state.device, queue)
                    if queue.isOverBudget { notifier.notify(queue: index) }
                    if try queue.needsInterrupt() { interruptForUsedBuffers() }
                    return nil
                } catch {
                    return error
                }
            }.map { error in
                // Only now: the queue is given up.
                fail(error, &state)
                return error
            }
        }
    }

    /// Makes the device need a reset, through no fault of its driver's. Does nothing where it needs one already, or no
    /// driver is ready.
    ///
    /// - Returns: whether it did.
    @discardableResult
    public func breakDown(_ reason: VirtqueueError) -> Bool {
        state.withLock { state in
            guard state.progress.isRunning, state.failure == nil else { return false }
            interrupt(state.fail(reason))
            notifier.driverChanged()
            return true
        }
    }

    /// Whether a queue can be used now; it may be otherwise as soon as this returns.
    public func isUsable(_ index: Int) -> Bool {
        state.withLock { unsafe $0.usableQueue(index) != nil }
    }

    /// Gives access to the device.
    public func withDevice<Result: ~Copyable, Failure: Error>(
        _ body: (inout sending Device) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try state.withLock { (state) throws(Failure) in
            try body(&state.device)
        }
    }

    /// Tells the driver that the configuration space changed: at once if it is running, else as soon as it is.
    public func configurationChanged() {
        state.withLock { state in
            interrupt(state.configurationChanged())
        }
    }

    /// What the driver did wrong, because of which the device needs a reset; nil if nothing.
    public var failure: VirtqueueError? {
        state.withLock { $0.failure }
    }

    /// How far the driver has come.
    public var driver: DriverState {
        state.withLock { $0.driver }
    }

    /// Puts transport and device back to where they were at power-on.
    public func systemReset() {
        state.withLock { state in
            state.systemReset()
            interruptStatus.store(0, ordering: .releasing)
        }
    }

    @usableFromInline
    func interruptForUsedBuffers() { interrupt(.usedBuffer) }

    @usableFromInline
    func fail(_ error: VirtqueueError, _ state: inout TransportState<Device>) { interrupt(state.fail(error)) }

    /// Interrupts the driver. Called with the lock held, so that InterruptStatus is 0 after a reset.
    func interrupt(_ causes: InterruptCauses) {
        guard !causes.isEmpty else { return }
        interruptStatus.bitwiseOr(causes.rawValue, ordering: .acquiringAndReleasing)
        interruptLine.pulse()
    }
}
