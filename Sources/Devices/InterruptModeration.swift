import Host

/// When a driver is told that requests are done, where many of them are under way: a few at a time, as an interrupt costs the
/// guest several VM exits and what it does then often costs more.
///
/// A quarter of the requests that are under way is told of together. None waits longer for that than a quarter of the time
/// that it took itself, so that a request alone, or one that is done quickly beside slow ones, is told of at once.
struct InterruptModeration {
    /// Requests that the driver was not told of.
    private var count = 0
    /// When it is to be told at the latest; nil where there is nothing to tell.
    private(set) var deadline: MonotonicInstant?

    private static let part = 4
    /// Nanoseconds that are not worth setting a timer for.
    private static let shortestWait: UInt64 = 50_000

    /// Takes a request that is done.
    mutating func add(begunAt beginning: MonotonicInstant, doneAt now: MonotonicInstant) {
        let wait = beginning.nanoseconds(until: now) / UInt64(Self.part)
        let latest = MonotonicInstant(nanoseconds: now.nanoseconds + wait)
        count += 1
        deadline = min(deadline ?? latest, latest)
    }

    /// Whether the driver is to be told now. If so, nothing waits any more.
    ///
    /// - Parameter underWay: requests that are not done yet.
    mutating func isDue(underWay: Int, at now: MonotonicInstant) -> Bool {
        if let deadline, count < underWay / Self.part, now.nanoseconds(until: deadline) >= Self.shortestWait {
            return false
        }
        forget()
        return true
    }

    /// The driver has given up on what it was to be told.
    mutating func forget() {
        count = 0
        deadline = nil
    }
}
