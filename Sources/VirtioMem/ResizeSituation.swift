import GuestMemory
import Virtio

/// All that a host knows about a guest that should follow its requested size. Sizes are in bytes, times in milliseconds.
public struct ResizeSituation: Sendable, Equatable {
    public var requestedSize: UInt64
    public var pluggedSize: UInt64
    public var regionSize: UInt64
    public var blockSize: UInt64
    /// The guest-physical addresses of what is plugged, in order; neighbours are joined.
    public var pluggedRanges: [Range<UInt64>]
    public var driver: DriverState
    /// What the driver asked for since the size was set.
    public var activity: RequestActivity
    /// Why the host could not do the newest request; nil when it could.
    public var refusal: ElasticRegionError?
    /// Time without a request.
    public var idleTime: UInt64
    /// Time since something was plugged or unplugged, or the size was set.
    public var timeWithoutProgress: UInt64
    /// How often the driver was reminded in that time.
    public var reminders: UInt64
    /// Whether it is reminded at all.
    public var isReminded: Bool
    /// Whether the guest's vCPUs are stopped.
    public var isPaused: Bool

    public init(
        requestedSize: UInt64, pluggedSize: UInt64, regionSize: UInt64, blockSize: UInt64,
        pluggedRanges: [Range<UInt64>] = [], driver: DriverState, activity: RequestActivity = RequestActivity(),
        refusal: ElasticRegionError? = nil, idleTime: UInt64 = 0, timeWithoutProgress: UInt64 = 0,
        reminders: UInt64 = 0, isReminded: Bool = true, isPaused: Bool = false
    ) {
        self.requestedSize = requestedSize
        self.pluggedSize = pluggedSize
        self.regionSize = regionSize
        self.blockSize = blockSize
        self.pluggedRanges = pluggedRanges
        self.driver = driver
        self.activity = activity
        self.refusal = refusal
        self.idleTime = idleTime
        self.timeWithoutProgress = timeWithoutProgress
        self.reminders = reminders
        self.isReminded = isReminded
        self.isPaused = isPaused
    }
}
