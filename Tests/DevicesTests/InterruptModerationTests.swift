import Host
import Testing

@testable import Devices

/// When a driver is told that requests are done.
struct InterruptModerationTests {
    private var moderation = InterruptModeration()
    private let start = MonotonicInstant(nanoseconds: 1_000_000_000)

    private func instant(_ milliseconds: UInt64) -> MonotonicInstant { start.advanced(byMilliseconds: milliseconds) }

    @Test mutating func aRequestAloneIsToldOfAtOnce() {
        moderation.add(begunAt: start, doneAt: instant(100))
        let isDue = moderation.isDue(underWay: 0, at: instant(100))
        #expect(isDue)
        #expect(moderation.deadline == nil)
    }

    /// (requests that are under way, how many more end before the driver is told)
    @Test(arguments: [(1, 0), (7, 0), (8, 1), (11, 1), (12, 2), (31, 6), (32, 7)])
    mutating func aQuarterOfTheOthersIsWaitedFor(underWay: Int, count: Int) {
        for _ in 0..<count {
            moderation.add(begunAt: start, doneAt: instant(100))
            let isDue = moderation.isDue(underWay: underWay, at: instant(100))
            #expect(!isDue)
        }
        moderation.add(begunAt: start, doneAt: instant(100))
        let isDue = moderation.isDue(underWay: underWay, at: instant(100))
        #expect(isDue)
    }

    @Test mutating func noneWaitsLongerThanAQuarterOfItsTime() {
        moderation.add(begunAt: start, doneAt: instant(100))
        #expect(moderation.deadline == instant(125))
        let wasDue = moderation.isDue(underWay: 100, at: instant(124))
        #expect(!wasDue)
        let isDue = moderation.isDue(underWay: 100, at: instant(125))
        #expect(isDue)
        #expect(moderation.deadline == nil)
    }

    @Test mutating func theMostUrgentDecides() {
        moderation.add(begunAt: start, doneAt: instant(100))
        let wasDue = moderation.isDue(underWay: 100, at: instant(100))
        #expect(!wasDue)
        moderation.add(begunAt: instant(97), doneAt: instant(101))
        #expect(moderation.deadline == instant(102))
        moderation.add(begunAt: start, doneAt: instant(101))
        #expect(moderation.deadline == instant(102))
        let isDue = moderation.isDue(underWay: 100, at: instant(102))
        #expect(isDue)
    }

    @Test mutating func aWaitThatIsNotWorthATimerIsNone() {
        moderation.add(begunAt: start, doneAt: MonotonicInstant(nanoseconds: start.nanoseconds + 150_000))
        let isDue = moderation.isDue(underWay: 100, at: MonotonicInstant(nanoseconds: start.nanoseconds + 150_000))
        #expect(isDue)
    }

    @Test mutating func nothingIsDueAtOnceToo() {
        let isDue = moderation.isDue(underWay: 100, at: start)
        #expect(isDue, "an answer that took no time may be there")
    }

    @Test mutating func whatIsForgottenIsNotDue() {
        moderation.add(begunAt: start, doneAt: instant(100))
        moderation.forget()
        #expect(moderation.deadline == nil)
        moderation.add(begunAt: start, doneAt: instant(200))
        let isDue = moderation.isDue(underWay: 8, at: instant(200))
        #expect(!isDue)
    }
}
