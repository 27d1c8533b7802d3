import GuestMemory

/// What a transport guards with its lock: the device, its queues and how far the driver is. All of the registers'
/// logic that needs no thread, no interrupt and no notification. Type parameters of transports are constrained where they
/// are used, not where they are declared: to make a type, the Swift runtime would look for its argument's conformance
/// among all of the program's, at each start.
@usableFromInline
struct TransportState<Device> {
    @usableFromInline var device: Device
    let memory: GuestMemory
    let offeredFeatures: UInt64

    @usableFromInline private(set) var progress = DriverProgress.reset
    /// The driver gave up on the device.
    @usableFromInline private(set) var hasFailed = false
    /// Why the device needs a reset; nil as long as it doesn't.
    @usableFromInline private(set) var failure: VirtqueueError?
    /// What the last driver wanted that wrote FEATURES_OK in vain; it outlives the driver's reset, but not the next
    /// driver's success.
    private var refusedFeatures: UInt64?

    var features = FeatureSelection()
    var selectedQueue: UInt32 = 0
    @usableFromInline private(set) var slots: [QueueSlot]
    /// How many queues were made ready so far: tells chains of one from those of the next.
    private var epoch: UInt64 = 0

    /// Counts changes of the configuration that the device itself does not count.
    private var generation: UInt32 = 0
    /// The configuration changed while the driver was not ready to hear of it.
    private var owesConfigurationInterrupt = false

    init(device: sending Device, memory: GuestMemory) where Device: VirtioDevice {
        self.memory = memory
        offeredFeatures = device.features | device.queueFeatures
        slots = device.queueSizes.map { QueueSlot(maximumSize: $0) }
        self.device = device
    }
}

extension TransportState where Device: VirtioDevice {
    /// The device status field.
    var status: DeviceStatus {
        var status = progress.status
        if hasFailed { status.insert(.failed) }
        if failure != nil { status.insert(.needsReset) }
        return status
    }

    /// How far the driver has come, for people.
    var driver: DriverState {
        if let failure { return .needsReset(failure) }
        if let refusedFeatures { return .refused(features: refusedFeatures) }
        if hasFailed { return .failed }
        return switch progress {
        case .reset, .acknowledged: .absent
        case .driver, .negotiated: .starting
        case .running(let features): .running(features: features)
        }
    }

    var configurationGeneration: UInt32 {
        device.configurationGeneration &+ generation
    }

    /// The queue, if it may be used now, as long as nothing else happens to its slot.
    @inlinable
    func usableQueue(_ index: Int) -> Unmanaged<SplitQueue>? {
        guard progress.isRunning, !hasFailed, failure == nil, slots.indices.contains(index) else { return nil }
        return unsafe slots[index].reference
    }

    /// The indices of queues that are ready.
    var readyQueues: [Int] {
        slots.indices.filter { slots[$0].queue != nil }
    }

    // MARK: - Status

    /// The driver sets status bits. Bits that it may not set yet stay clear, and bits that are set stay set.
    ///
    /// - Returns: what to interrupt the driver for.
    mutating func advance(to status: DeviceStatus) -> InterruptCauses {
        if status.contains(.failed), !hasFailed {
            hasFailed = true
            abandonQueues()
        }
        if case .reset = progress, status.contains(.acknowledge) { progress = .acknowledged }
        if case .acknowledged = progress, status.contains(.driver) { progress = .driver }
        if case .driver = progress, status.contains(.featuresOK), let accepted = acceptedFeatures() {
            progress = .negotiated(features: accepted)
        }
        guard case .negotiated(let features) = progress, status.contains(.driverOK), !hasFailed else { return [] }
        progress = .running(features: features)
        device.activate(features: features, queues: slots.map { $0.queue == nil ? nil : $0.setup })
        if let breakdown = device.breakdown {
            _ = fail(breakdown)
        }
        let owed = owesConfigurationInterrupt || failure != nil
        owesConfigurationInterrupt = false
        return owed ? .configurationChange : []
    }

    /// What the driver chose, if it is something to work with.
    private mutating func acceptedFeatures() -> UInt64? {
        let chosen = features.chosen
        guard !features.chosenBeyond, chosen & ~offeredFeatures == 0, chosen & VirtioFeature.version1 != 0,
            device.accepts(features: chosen)
        else {
            refusedFeatures = chosen
            return nil
        }
        refusedFeatures = nil
        return chosen
    }

    /// Forgets all that the driver did. The device is told by the caller.
    private mutating func forgetDriver() {
        progress = .reset
        hasFailed = false
        failure = nil
        features = FeatureSelection()
        selectedQueue = 0
        owesConfigurationInterrupt = false
        for index in slots.indices {
            slots[index] = QueueSlot(maximumSize: slots[index].maximumSize)
        }
    }

    mutating func reset() {
        forgetDriver()
        device.reset()
    }

    mutating func systemReset() {
        forgetDriver()
        refusedFeatures = nil
        device.systemReset()
    }

    /// The driver made a mistake, or the device can't go on: queues are left alone until it resets the device.
    ///
    /// - Returns: what to interrupt the driver for.
    mutating func fail(_ error: VirtqueueError) -> InterruptCauses {
        failure = error
        abandonQueues()
        return progress.isRunning ? .configurationChange : []
    }

    /// Leaves all queues alone.
    private mutating func abandonQueues() {
        for index in readyQueues {
            if progress.isRunning { device.abandon(queue: index) }
            slots[index].queue = nil
        }
    }

    /// The configuration changed.
    ///
    /// - Returns: what to interrupt the driver for.
    mutating func configurationChanged() -> InterruptCauses {
        generation &+= 1
        if progress.isRunning { return .configurationChange }
        owesConfigurationInterrupt = progress != .reset
        return []
    }

    // MARK: - Queues

    /// The driver writes about the selected queue. Only a queue that is not ready can be changed.
    mutating func changeSelectedQueue(_ change: (inout QueueSetup) -> Void) {
        guard let index = selectedIndex, slots[index].queue == nil else { return }
        change(&slots[index].setup)
    }

    /// The selected queue; nil where the device has none of that number.
    var selectedIndex: Int? {
        selectedQueue < UInt32(slots.count) ? Int(selectedQueue) : nil
    }

    /// The driver says whether the selected queue is ready. It can't be before features are negotiated.
    ///
    /// - Returns: what to interrupt the driver for.
    mutating func setSelectedQueueReady(_ ready: Bool) -> InterruptCauses {
        guard let index = selectedIndex else { return [] }
        guard ready else {
            if progress.isRunning, slots[index].queue != nil { device.stop(queue: index) }
            slots[index].queue = nil
            return []
        }
        guard slots[index].queue == nil, failure == nil, let features = progress.features else { return [] }
        epoch += 1
        do {
            slots[index].queue = try SplitQueue(
                setup: slots[index].setup, maximumSize: slots[index].maximumSize, features: features, memory: memory,
                epoch: epoch)
            return []
        } catch {
            return fail(error)
        }
    }
}
