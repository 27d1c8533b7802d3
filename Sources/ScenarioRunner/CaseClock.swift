import Host

/// Time since a case's beginning.
struct CaseClock: Sendable {
    let beginning: MonotonicInstant

    init() { beginning = .now() }

    /// In milliseconds.
    var now: UInt64 { MonotonicInstant.now().nanoseconds >= beginning.nanoseconds ? elapsed : 0 }

    private var elapsed: UInt64 { beginning.nanoseconds(until: .now()) / 1_000_000 }
}
