import Glibc

/// A point in time until which something may be waited for.
struct Deadline {
    private let end: ContinuousClock.Instant

    init(_ time: Duration) {
        end = .now + time
    }

    var hasPassed: Bool { remaining <= .zero }

    private var remaining: Duration { end - .now }

    /// What is left, in milliseconds for `poll(2)`; at least 1 until it has passed, at most a second.
    var pollTimeout: Int32 {
        let milliseconds = remaining / .milliseconds(1)
        return milliseconds <= 0 ? 0 : Int32(max(1, min(milliseconds, 1000)))
    }

    /// Asks again and again until the answer is there.
    ///
    /// - Parameter interval: milliseconds between two attempts.
    /// - Returns: nil where it did not come in time.
    func poll<Answer>(every interval: UInt32 = 50, _ attempt: () throws -> Answer?) rethrows -> Answer? {
        while true {
            if let answer = try attempt() {
                return answer
            }
            guard !hasPassed else { return nil }
            usleep(interval * 1000)
        }
    }
}
