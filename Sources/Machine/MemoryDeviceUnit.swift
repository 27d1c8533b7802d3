import Configuration
import GuestMemory
import Host
import Virtio
import VirtioMem

/// A memory device in its place in a machine: transport, events, and what is done at later times. It belongs to the
/// event loop's thread.
final class MemoryDeviceUnit {
    let id: String
    let node: UInt32
    let window: MachineLayout.VirtioWindow
    let interrupt: EventDescriptor
    let queues: QueueEvents
    let transport: VirtioMMIOTransport<VirtioMemDevice>

    private let loop: EventLoop
    private let events: @Sendable (MachineEvent) -> Void
    private var announcedSize: UInt64 = 0
    private var nextWarning = MonotonicInstant(nanoseconds: 0)
    private var announcedRefusal: ElasticRegionError?
    private var maintenance: EventLoop.Token?
    private var reminder: EventLoop.Token?
    private var retry = ResizeRetry()

    /// Slots without a plugged block are removed this long after the last request: soon, but not between the requests
    /// of one resize.
    private static let maintenanceDelay: UInt64 = 500

    init(
        _ configuration: MemoryDevice, region memory: GuestMemoryRegion, window: MachineLayout.VirtioWindow,
        guestMemory: GuestMemory, budget: MappingBudget, hasNodes: Bool, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        id = configuration.id
        node = configuration.node
        self.window = window
        self.loop = loop
        self.events = events
        let proximityDomain = !hasNodes ? nil : UInt16(clamping: configuration.node)
        let region = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try ElasticRegion(memory, blockSize: configuration.blockSize, budget: budget)
        }
        let device = try MachineError.calling({ .requestedSize(device: configuration.id, $0) }) {
            () throws(VirtioMemError) in
            try VirtioMemDevice(region: region, requestedSize: configuration.requestedSize, node: proximityDomain)
        }
        (interrupt, queues) = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            (try EventDescriptor(), try QueueEvents(count: device.queueSizes.count))
        }
        transport = VirtioMMIOTransport(
            device: device, memory: guestMemory, interruptLine: InterruptEvent(event: interrupt), notifier: queues)
        try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            for (index, event) in queues.events.enumerated() {
                _ = try loop.add(event.descriptor, .readable) { [unowned self] _ in
                    event.drain()
                    serve(queue: index)
                }
            }
        }
    }

    /// Offset in bytes of the register that the guest notifies queues by.
    var notifyOffset: UInt64 { VirtioMMIOTransport<VirtioMemDevice>.notifyOffset }

    var status: MemoryDeviceStatus {
        let (id, node) = (id, node)
        return transport.withDevice { device in
            MemoryDeviceStatus(
                id: id, address: device.region.memory.start.rawValue, node: node, requestedSize: device.requestedSize,
                pluggedSize: device.region.pluggedSize, usableSize: device.usableSize,
                regionSize: device.region.memory.size, blockSize: device.region.blockSize)
        }
    }

    func setRequestedSize(_ size: UInt64) throws(MachineError) {
        do throws(VirtioMemError) {
            try transport.withDevice { (device) throws(VirtioMemError) in try device.setRequestedSize(size) }
        } catch {
            throw .requestedSize(device: id, error)
        }
        transport.configurationChanged()
        retry.progressed()
        scheduleReminder()
    }

    /// Says where the region's slots are made from now on.
    func connect(to slots: KVMMemorySlots) {
        transport.withDevice { device in
            device.region.forgetSlots()
            device.region.connect(to: slots)
        }
    }

    func systemReset() {
        transport.systemReset()
        announceSize()
        scheduleMaintenance()
        retry.progressed()
        scheduleReminder()
    }

    private func serve(queue index: Int) {
        if let failure = transport.processQueue(index) {
            warn("the guest's driver broke a rule, and its device needs a reset: \(failure)")
        }
        announceRefusal()
        if announceSize() {
            retry.progressed()
        }
        scheduleMaintenance()
        scheduleReminder()
    }

    @discardableResult private func announceSize() -> Bool {
        let size = transport.withDevice { $0.region.pluggedSize }
        guard size != announcedSize else { return false }
        announcedSize = size
        events(.memoryDeviceSizeChanged(id: id, size: size))
        return true
    }

    /// Says why the host refuses, once for each new reason: a guest repeats its requests.
    private func announceRefusal() {
        let refusal = transport.withDevice { $0.refusal }
        if refusal != announcedRefusal {
            announcedRefusal = refusal
            if let refusal {
                warn("the host refuses memory, and the guest has to try again: \(refusal)")
            }
        }
    }

    /// Warns, once a second at most: a guest can cause as many warnings as it likes.
    private func warn(_ text: String) {
        let now = MonotonicInstant.now()
        if now >= nextWarning {
            nextWarning = now.advanced(byMilliseconds: 1_000)
            events(.warning("\(id): \(text)"))
        }
    }

    private func scheduleMaintenance() {
        if let maintenance {
            loop.cancel(maintenance)
        }
        maintenance = nil
        guard transport.withDevice({ $0.region.needsMaintenance }) else { return }
        maintenance = loop.schedule(afterMilliseconds: Self.maintenanceDelay) { [unowned self] in
            transport.withDevice { $0.region.maintain() }
            scheduleMaintenance()
        }
    }

    /// As long as more is plugged than requested, the driver is reminded.
    private func scheduleReminder() {
        if let reminder {
            loop.cancel(reminder)
        }
        reminder = nil
        guard transport.withDevice({ $0.region.pluggedSize > $0.requestedSize }) else { return }
        reminder = loop.schedule(afterMilliseconds: retry.nextDelay()) { [unowned self] in
            transport.configurationChanged()
            scheduleReminder()
        }
    }
}
