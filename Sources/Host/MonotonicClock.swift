import CLinux

/// A point in time that does not depend on the wall clock (`CLOCK_MONOTONIC`).
public struct MonotonicInstant: Sendable, Comparable {
    /// Nanoseconds since some point in the past.
    public let nanoseconds: UInt64

    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    public static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: cl_monotonic_nanoseconds())
    }

    public func advanced(byMilliseconds milliseconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: nanoseconds + milliseconds * 1_000_000)
    }

    /// Whole milliseconds until a later point, rounded up so that a wait that long reaches it; 0 for an earlier one.
    public func milliseconds(until later: MonotonicInstant) -> UInt64 {
        later <= self ? 0 : (later.nanoseconds - nanoseconds + 999_999) / 1_000_000
    }

    /// Nanoseconds until a later point; 0 for an earlier one.
    public func nanoseconds(until later: MonotonicInstant) -> UInt64 {
        later <= self ? 0 : later.nanoseconds - nanoseconds
    }

    public static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
