/// Watches how a guest follows its requested size: when to remind it, and when to say that it does not get on.
///
/// Linux's driver gives up on memory that is in use after a second or so, and on a busy host at once; by itself it tries
/// again only after 50 to 300 seconds. Any configuration interrupt makes it try at once, and begin from the start: so
/// none is sent while requests come, and each that is in vain doubles the distance to the next.
///
/// Times are milliseconds of a clock that only goes forward.
public struct ResizeWatch: Sendable {
    /// What the watch is told about its device.
    public struct Observation: Sendable, Equatable {
        public var requestedSize: UInt64
        public var pluggedSize: UInt64
        /// All requests so far.
        public var requests: UInt64
        /// Whether the host refused the newest request.
        public var isRefused: Bool
        /// Whether there is a driver that can be interrupted.
        public var hasDriver: Bool

        public init(requestedSize: UInt64, pluggedSize: UInt64, requests: UInt64, isRefused: Bool, hasDriver: Bool) {
            self.requestedSize = requestedSize
            self.pluggedSize = pluggedSize
            self.requests = requests
            self.isRefused = isRefused
            self.hasDriver = hasDriver
        }

        fileprivate var needsReminders: Bool { hasDriver && (pluggedSize > requestedSize || isRefused) }
        fileprivate var isUnfinished: Bool { pluggedSize != requestedSize }
    }

    /// What the guest does when it would be reminded.
    public enum Guest: Sendable, Equatable {
        /// All of its vCPUs wait for something.
        case resting
        /// A vCPU runs, or would if the host let it; milliseconds of processor time that all of them together have had.
        case atWork(processorTime: UInt64)
    }

    /// What is to be done.
    public enum Action: Sendable, Equatable {
        /// Raise the configuration interrupt.
        case remind
        /// Say why the resize does not get on.
        case explain
    }

    /// The first reminder comes after this time without a request, unless the driver takes longer between two.
    static let firstDelay: UInt64 = 50
    /// A driver needs time to try all that is left, since it starts over at each reminder: for more than this, the
    /// longest distance grows.
    static let bytesPerInterval: UInt64 = 4 << 30

    /// A guest that is always at work is left alone for so many times the longest distance, at most.
    static let mostPatience: UInt64 = 8

    /// Three weeks: what is longer is as good as never, and would overflow.
    private static let longestTime: UInt64 = 1 << 31

    /// The longest distance of reminders; 0 for none.
    private let retryInterval: UInt64
    /// After this time without progress, an explanation is due; 0 for never.
    private let stallTime: UInt64

    private var observation: Observation
    /// When the newest request came, the newest reminder went out, or the size was set.
    private var lastActivity: UInt64 {
        didSet {
            postponed = nil
            processorTimeWhenDue = nil
        }
    }
    /// What processor time the guest had when it would have been reminded, and was at work.
    private var processorTimeWhenDue: UInt64?
    /// When to look again whether a guest that was at work still is.
    private var postponed: UInt64?
    /// A guest that is at work is left alone for so long: its driver may be on its way, and would start over.
    private var patience: UInt64 = 0
    /// When the newest request came; nil before the first since the size was set.
    private var lastRequest: UInt64?
    /// When something was plugged or unplugged, or the size was set.
    private var lastProgress: UInt64
    /// The longest time that the driver took for a request since the size was set.
    private var longestGap: UInt64 = 0
    private var delay = firstDelay
    private var hasExplained = false
    private var isPaused = false
    /// How many reminders were sent since something was plugged or unplugged, or the size was set.
    public private(set) var reminders: UInt64 = 0

    public init(retryInterval: UInt64, stallTime: UInt64, now: UInt64, _ observation: Observation) {
        self.retryInterval = min(retryInterval, Self.longestTime)
        self.stallTime = min(stallTime, Self.longestTime)
        self.observation = observation
        lastActivity = now
        lastProgress = now
    }

    /// The size was set, perhaps to what it was, or the guest was reset.
    public mutating func restart(now: UInt64, _ observation: Observation) {
        self.observation = observation
        lastActivity = now
        lastRequest = nil
        longestGap = 0
        progressed(now)
    }

    /// Something may have happened.
    public mutating func observe(now: UInt64, _ new: Observation) {
        let old = observation
        observation = new
        if new.requests != old.requests {
            // Time in which the driver had given up is none that it takes: it goes on when it is reminded.
            longestGap = max(longestGap, now &- lastActivity)
            lastRequest = now
            lastActivity = now
        }
        if new.pluggedSize != old.pluggedSize || new.hasDriver && !old.hasDriver {
            progressed(now)
            lastActivity = now
        }
    }

    /// The guest stands still, or goes on: time in which it can't do anything does not count.
    public mutating func setPaused(_ paused: Bool, now: UInt64) {
        if isPaused, !paused {
            lastActivity = now
            lastRequest = nil
            lastProgress = now
        }
        isPaused = paused
    }

    /// When `due(now:)` has something to do; nil as long as nothing happens.
    public var deadline: UInt64? {
        guard !isPaused else { return nil }
        return switch (reminderTime, explanationTime) {
        case (let reminder?, let explanation?): min(reminder, explanation)
        case (let reminder, let explanation): reminder ?? explanation
        }
    }

    /// What is to be done now, once: ask again until there is nothing.
    ///
    /// A driver that starts over before it has come to the end never tries what is left there. Nobody sees whether it
    /// still is on its way, but it is not while the guest rests; one that does not rest is given more and more time.
    ///
    /// - Parameter guest: tells what the guest does right now.
    public mutating func due(now: UInt64, guest: () -> Guest) -> Action? {
        guard !isPaused else { return nil }
        if let explanationTime, explanationTime <= now {
            hasExplained = true
            return .explain
        }
        if let reminderTime, reminderTime <= now {
            let guest = guest()
            if case .atWork(let processorTime) = guest, mayBeOnItsWay(now, processorTime) { return nil }
            lastActivity = now
            if guest != .resting, delay >= longestDelay {
                patience = longestDelay * min(Self.mostPatience, max(2, 2 * (patience / longestDelay)))
            }
            delay = min(delay * 2, longestDelay)
            reminders += 1
            return .remind
        }
        return nil
    }

    /// Whether the driver of a guest that is at work may not have come to the end of what it tries.
    private mutating func mayBeOnItsWay(_ now: UInt64, _ processorTime: UInt64) -> Bool {
        let waited = now &- lastActivity
        if waited < patience {
            postponed = now + longestDelay
            return true
        }
        guard patience == 0 else { return false }
        // Time in which it waits for a processor is none that it has.
        let start = processorTimeWhenDue ?? processorTime
        processorTimeWhenDue = start
        let needed = min(delay, longestDelay)
        guard processorTime &- start < needed, waited < Self.mostPatience * longestDelay else { return false }
        postponed = now + needed
        return true
    }

    /// Whether a driver that lags is reminded at all.
    public var isReminding: Bool { retryInterval > 0 }

    /// Milliseconds without a request; since the size was set where there was none.
    public func idleTime(now: UInt64) -> UInt64 { now &- (lastRequest ?? lastProgress) }

    /// Milliseconds since something was plugged or unplugged, or the size was set.
    public func timeWithoutProgress(now: UInt64) -> UInt64 { now &- lastProgress }

    private var longestDelay: UInt64 {
        let excess =
            observation.pluggedSize > observation.requestedSize
            ? observation.pluggedSize - observation.requestedSize : 0
        return retryInterval * max(1, excess.dividedRoundingUp(by: Self.bytesPerInterval))
    }

    private var reminderTime: UInt64? {
        guard retryInterval > 0, observation.needsReminders else { return nil }
        // The driver is at work for as long between two requests as it was before.
        return postponed ?? lastActivity + min(max(delay, 2 * longestGap), longestDelay)
    }

    private var explanationTime: UInt64? {
        guard stallTime > 0, observation.isUnfinished, !hasExplained else { return nil }
        return lastProgress + stallTime
    }

    private mutating func progressed(_ now: UInt64) {
        lastProgress = now
        delay = Self.firstDelay
        patience = 0
        reminders = 0
        hasExplained = false
    }
}

extension UInt64 {
    fileprivate func dividedRoundingUp(by divisor: UInt64) -> UInt64 {
        self / divisor + (self % divisor == 0 ? 0 : 1)
    }
}
