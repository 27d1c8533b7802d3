import VirtioMem

/// What a machine has counted since it was made, across resets.
public struct MachineMetrics: Sendable, Equatable {
    /// Why a vCPU left the guest for its thread; what KVM does by itself is not among it.
    public enum ExitReason: String, Sendable, CaseIterable {
        case port
        case mmio
        case interrupted
        case shutdown
        case memoryFault = "memory_fault"
        case internalError = "internal_error"
        case other
    }

    /// By vCPU, how often it left the guest for each reason.
    public var exits: [[ExitReason: UInt64]]
    public var resets: UInt64
    /// In the order of the configuration.
    public var devices: [MemoryDeviceMetrics]

    public init(exits: [[ExitReason: UInt64]] = [], resets: UInt64 = 0, devices: [MemoryDeviceMetrics] = []) {
        self.exits = exits
        self.resets = resets
        self.devices = devices
    }
}

/// What a memory device has counted.
public struct MemoryDeviceMetrics: Sendable, Equatable {
    public let status: MemoryDeviceStatus
    /// The driver's requests, and what became of them.
    public let activity: RequestActivity
    /// Bytes that were ever plugged, and unplugged.
    public let pluggedBytes: UInt64
    public let unpluggedBytes: UInt64
    /// How long the device took for what a driver queued at once: for Linux, a request.
    public let requestTime: LatencyHistogram
    /// How long it took from a requested size until the guest had it; of those that it came to have.
    public let resizeTime: LatencyHistogram
    /// How often its unplugged memory was touched.
    public let violations: UInt64
    /// How many memory slots of its region are live.
    public let slotCount: Int

    public init(
        status: MemoryDeviceStatus, activity: RequestActivity = RequestActivity(), pluggedBytes: UInt64 = 0,
        unpluggedBytes: UInt64 = 0, requestTime: LatencyHistogram = Self.noRequests,
        resizeTime: LatencyHistogram = Self.noResizes, violations: UInt64 = 0, slotCount: Int = 0
    ) {
        self.status = status
        self.activity = activity
        self.pluggedBytes = pluggedBytes
        self.unpluggedBytes = unpluggedBytes
        self.requestTime = requestTime
        self.resizeTime = resizeTime
        self.violations = violations
        self.slotCount = slotCount
    }

    /// Before the first request: classes from 10 microseconds to a second.
    public static let noRequests = LatencyHistogram(
        bounds: [10_000, 30_000, 100_000, 300_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000])
    /// Before the first resize: classes from 10 milliseconds to five minutes.
    public static let noResizes = LatencyHistogram(
        bounds: [
            10_000_000, 50_000_000, 100_000_000, 500_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000,
            300_000_000_000,
        ])
}
