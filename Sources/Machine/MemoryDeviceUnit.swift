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
    let unit: VirtioUnit<VirtioMemDevice>
    var transport: VirtioMMIOTransport<VirtioMemDevice> { unit.transport }

    private let loop: EventLoop
    private let events: @Sendable (MachineEvent) -> Void
    private var announcedSize: UInt64 = 0
    private let warnings: DeviceWarnings
    private var announcedRefusal: ElasticRegionError?
    private var announcedDiscardFailure: SystemCallError?
    /// For when the region is to be maintained; nil when nothing is to be done.
    private var maintenanceTimer: EventLoop.Token?
    private var watch: ResizeWatch
    /// For when the watch has something to do.
    private var watchTimer: EventLoop.Token?
    private var driver = DriverState.absent
    private var isPaused = true
    /// What the guest does right now.
    var guestActivity: () -> ResizeWatch.Guest = { .resting }
    private var requestTime = MemoryDeviceMetrics.noRequests
    private var resizeTime = MemoryDeviceMetrics.noResizes
    /// When a size was requested that the guest does not have yet.
    private var resizeStart: MonotonicInstant?
    private var violations: UInt64 = 0
    /// What the watch's times count from.
    private let epoch = MonotonicInstant.now()

    /// Slots without a plugged block are removed this long after the last request: soon, but not between the requests
    /// of one resize.
    private static let maintenanceDelay: UInt64 = 500

    /// - Parameter stallTime: milliseconds without progress after which a resize is explained; 0 for never.
    init(
        _ configuration: MemoryDevice, region memory: GuestMemoryRegion, window: MachineLayout.VirtioWindow,
        slotLimit: Int, guestMemory: GuestMemory, hasOtherWriters: Bool, budget: MappingBudget, hasNodes: Bool,
        stallTime: UInt64,
        loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        id = configuration.id
        node = configuration.node
        self.loop = loop
        self.events = events
        warnings = DeviceWarnings(about: configuration.id, loop: loop, events: events)
        let proximityDomain = !hasNodes ? nil : UInt16(clamping: configuration.node)
        let region = try MachineError.calling(MachineError.host) { () throws(SystemCallError) in
            try ElasticRegion(
                memory, blockSize: configuration.blockSize, slotSize: configuration.slotSize, slotLimit: slotLimit,
                populates: configuration.backend.prealloc, hasOtherWriters: hasOtherWriters, budget: budget)
        }
        let device = try MachineError.calling({ .requestedSize(device: configuration.id, $0) }) {
            () throws(VirtioMemError) in
            try VirtioMemDevice(
                region: region, requestedSize: configuration.requestedSize, node: proximityDomain,
                acceptsReaders: configuration.unpluggedInaccessible == .auto)
        }
        watch = ResizeWatch(
            retryInterval: configuration.retryInterval, stallTime: stallTime, now: 0,
            Moment(device).observation(hasDriver: false))
        watch.setPaused(true, now: 0)
        do throws(SystemCallError) {
            // By an event, a thread of the kernel interrupts the guest while the next request is served: a thousand of them
            // come one behind the other, and nobody waits for a single one.
            unit = try VirtioUnit(device, window: window, memory: guestMemory, interruptsByEvent: true)
            try unit.serve(
                on: loop, onQueue: { [unowned self] in processQueue($0) },
                onDriver: { [unowned self] in driverChanged() })
        } catch {
            throw .host(error)
        }
    }

    private func processQueue(_ index: Int) {
        let begin = MonotonicInstant.now()
        let problem = transport.processQueue(index)
        requestTime.note(nanoseconds: begin.nanoseconds(until: .now()))
        problem == nil ? update() : driverChanged()
    }

    func setRequestedSize(_ size: UInt64) throws(MachineError) {
        do throws(VirtioMemError) {
            try transport.withDevice { (device) throws(VirtioMemError) in try device.setRequestedSize(size) }
        } catch {
            throw .requestedSize(device: id, error)
        }
        // Also for the size that it is already: the driver tries again what it gave up.
        transport.configurationChanged()
        restartWatch()
        resizeStart = .now()
        noteResize(plugged: announcedSize, requested: size)
        events(.memoryDeviceSizeRequested(id: id, size: size))
    }

    /// The region, and bytes of its memory slots.
    var slotLayout: (region: GuestMemoryRegion, slotSize: UInt64) {
        transport.withDevice { ($0.region.memory, $0.region.slotSize) }
    }

    /// Says where the region's slots are made from now on.
    func connect(to slots: any MemorySlots) {
        transport.withDevice { device in
            device.region.forgetSlots()
            device.region.connect(to: slots)
        }
    }

    func systemReset() {
        unit.systemReset()
        driver = .absent
        update()
        restartWatch()
    }

    /// Says whether the guest's vCPUs stand still.
    func setPaused(_ paused: Bool) {
        isPaused = paused
        watch.setPaused(paused, now: now)
        scheduleWatch()
    }
}

// MARK: What is known

extension MemoryDeviceUnit {
    var status: MemoryDeviceStatus {
        transport.withDevice { [id, node] device in
            MemoryDeviceStatus(
                id: id, address: device.region.memory.start.rawValue, node: node, requestedSize: device.requestedSize,
                pluggedSize: device.region.pluggedSize, usableSize: device.usableSize,
                regionSize: device.region.memory.size, blockSize: device.region.blockSize)
        }
    }

    var details: MemoryDeviceDetails {
        let (undiscardedSize, failure) = transport.withDevice {
            ($0.region.undiscardedSize, $0.region.discardFailure)
        }
        return MemoryDeviceDetails(
            status: status, diagnosis: diagnosis, undiscardedSize: undiscardedSize, discardFailure: failure)
    }

    var metrics: MemoryDeviceMetrics {
        let status = status
        return transport.withDevice { [requestTime, resizeTime, violations] device in
            MemoryDeviceMetrics(
                status: status, activity: device.activity, pluggedBytes: device.region.totalPluggedSize,
                unpluggedBytes: device.region.totalUnpluggedSize, requestTime: requestTime, resizeTime: resizeTime,
                violations: violations, slotCount: device.region.liveSlotCount)
        }
    }

    /// Takes note that the guest touched unplugged memory.
    func noteViolation() { violations &+= 1 }

    /// Takes note of the end of a resize.
    private func noteResize(plugged: UInt64, requested: UInt64) {
        guard plugged == requested, let start = resizeStart else { return }
        resizeStart = nil
        resizeTime.note(nanoseconds: start.nanoseconds(until: .now()))
    }

    private var diagnosis: ResizeDiagnosis {
        let (driver, now, watch, isPaused) = (transport.driver, now, watch, isPaused)
        let situation = transport.withDevice { device in
            let start = device.region.memory.start.rawValue
            return ResizeSituation(
                requestedSize: device.requestedSize, pluggedSize: device.region.pluggedSize,
                regionSize: device.region.memory.size, blockSize: device.region.blockSize,
                pluggedRanges: device.region.pluggedRanges.map { start + $0.lowerBound..<start + $0.upperBound },
                driver: driver, activity: device.activitySinceRequest, refusal: device.refusal,
                idleTime: watch.idleTime(now: now), timeWithoutProgress: watch.timeWithoutProgress(now: now),
                reminders: watch.reminders, isReminded: watch.isReminding, isPaused: isPaused)
        }
        return ResizeDiagnosis(of: situation)
    }

    /// Milliseconds, for the watch.
    private var now: UInt64 { epoch.milliseconds(until: .now()) }
}

/// What changes as a device serves its driver.
private struct Moment {
    let requestedSize: UInt64
    let pluggedSize: UInt64
    let requests: UInt64
    let refusal: ElasticRegionError?
    let discardFailure: SystemCallError?
    let needsMaintenance: Bool

    init(_ device: VirtioMemDevice) {
        requestedSize = device.requestedSize
        pluggedSize = device.region.pluggedSize
        requests = device.activity.total
        refusal = device.refusal
        discardFailure = device.region.discardFailure
        needsMaintenance = device.region.needsMaintenance
    }

    func observation(hasDriver: Bool) -> ResizeWatch.Observation {
        ResizeWatch.Observation(
            requestedSize: requestedSize, pluggedSize: pluggedSize, requests: requests, isRefused: refusal != nil,
            hasDriver: hasDriver)
    }
}

// MARK: What is said

extension MemoryDeviceUnit {
    /// Looks at what the driver's requests have changed.
    private func update() {
        let moment = transport.withDevice { Moment($0) }
        noteResize(plugged: moment.pluggedSize, requested: moment.requestedSize)
        if moment.pluggedSize != announcedSize {
            announcedSize = moment.pluggedSize
            events(.memoryDeviceSizeChanged(id: id, size: moment.pluggedSize))
        }
        announce(moment)
        scheduleMaintenance(moment.needsMaintenance)
        watch.observe(now: now, moment.observation(hasDriver: isRunning))
        scheduleWatch()
    }

    private var isRunning: Bool {
        if case .running = driver { true } else { false }
    }

    /// Says what the host refuses, once for each new reason: a guest repeats its requests.
    private func announce(_ moment: Moment) {
        if moment.refusal != announcedRefusal {
            announcedRefusal = moment.refusal
            if let refusal = moment.refusal {
                warnings.warn("the host refuses memory, and the guest has to try again: \(refusal)")
            }
        }
        if moment.discardFailure != announcedDiscardFailure {
            announcedDiscardFailure = moment.discardFailure
            if let failure = moment.discardFailure {
                warnings.warn("the host does not take unplugged memory back, which is tried again: \(failure)")
            }
        }
    }

    private func driverChanged() {
        let new = transport.driver
        guard new != driver else { return }
        driver = new
        switch new {
        case .needsReset(let error):
            warnings.warn(error)
        case .refused:
            // The same words as where a resize stalls for it.
            for finding in diagnosis.findings {
                warnings.warn("\(finding.statement); \(finding.nextStep)")
            }
        case .absent, .starting, .failed, .running: break
        }
        update()
    }
}

// MARK: What is done later

extension MemoryDeviceUnit {
    /// Puts maintenance off until nothing has happened for a while.
    private func scheduleMaintenance(_ isNeeded: Bool) {
        guard isNeeded else {
            maintenanceTimer.map(loop.cancel)
            return maintenanceTimer = nil
        }
        // Each request of a resize comes here: waking up for a time that was put off would cost more than moving it.
        if let maintenanceTimer {
            return loop.move(maintenanceTimer, toAfterMilliseconds: Self.maintenanceDelay)
        }
        maintenanceTimer = loop.schedule(afterMilliseconds: Self.maintenanceDelay) { [unowned self] in
            maintenanceTimer = nil
            maintain()
        }
    }

    private func maintain() {
        let moment = transport.withDevice { device in
            device.region.maintain()
            return Moment(device)
        }
        announce(moment)
        scheduleMaintenance(moment.needsMaintenance)
    }

    private func restartWatch() {
        let moment = transport.withDevice { Moment($0) }
        watch.restart(now: now, moment.observation(hasDriver: isRunning))
        scheduleWatch()
    }

    /// Has a timer go off at the watch's deadline.
    private func scheduleWatch() {
        guard let deadline = watch.deadline else {
            watchTimer.map(loop.cancel)
            return watchTimer = nil
        }
        let delay = deadline - min(deadline, now)
        if let watchTimer {
            return loop.move(watchTimer, toAfterMilliseconds: delay)
        }
        watchTimer = loop.schedule(afterMilliseconds: delay) { [unowned self] in
            watchTimer = nil
            while let action = watch.due(now: now, guest: guestActivity) {
                switch action {
                case .remind: transport.configurationChanged()
                case .explain: events(.resizeStalled(id: id, diagnosis))
                }
            }
            scheduleWatch()
        }
    }
}
