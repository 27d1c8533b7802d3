import Testing

@testable import VirtioMem

/// When a guest is reminded of its requested size, and when a stall is explained.
@Suite struct ResizeWatchTests {
    private static let gibibyte: UInt64 = 1 << 30

    /// A guest that should have nothing plugged, and has 600 MiB.
    private static let holding = ResizeWatch.Observation(
        requestedSize: 0, pluggedSize: 600 << 20, requests: 0, isRefused: false, hasDriver: true)

    private static func watch(
        retryInterval: UInt64 = 1_000, stallTime: UInt64 = 5_000, _ observation: ResizeWatch.Observation = holding
    ) -> ResizeWatch {
        ResizeWatch(retryInterval: retryInterval, stallTime: stallTime, now: 0, observation)
    }

    /// Lets time go by until a moment, and says what was to be done when.
    ///
    /// - Parameter share: of the time, a guest at work has this part of a processor.
    private func actions(
        _ watch: inout ResizeWatch, until end: UInt64, isGuestAtWork: @escaping (UInt64) -> Bool = { _ in false },
        share: UInt64 = 1
    ) -> [(UInt64, ResizeWatch.Action)] {
        var done: [(UInt64, ResizeWatch.Action)] = []
        while let time = watch.deadline, time <= end {
            while let action = watch.due(
                now: time, guest: { isGuestAtWork(time) ? .atWork(processorTime: time / share) : .resting })
            {
                done.append((time, action))
            }
        }
        return done
    }

    private func reminders(
        _ watch: inout ResizeWatch, until end: UInt64, isGuestAtWork: @escaping (UInt64) -> Bool = { _ in false },
        share: UInt64 = 1
    ) -> [UInt64] {
        actions(&watch, until: end, isGuestAtWork: isGuestAtWork, share: share).filter { $0.1 == .remind }.map(\.0)
    }

    // MARK: Reminders

    @Test func remindersComeWithDoubledDistanceUpToASecond() {
        var watch = Self.watch()
        #expect(reminders(&watch, until: 5_000) == [50, 150, 350, 750, 1550, 2550, 3550, 4550])
        #expect(watch.reminders == 8)
    }

    @Test func theIntervalIsTheLongestDistance() {
        var watch = Self.watch(retryInterval: 120)
        #expect(reminders(&watch, until: 500) == [50, 150, 270, 390])
        watch = Self.watch(retryInterval: 20)
        #expect(reminders(&watch, until: 70) == [20, 40, 60])
        watch = Self.watch(retryInterval: .max, stallTime: .max)
        #expect(reminders(&watch, until: 1_000) == [50, 150, 350, 750])
    }

    @Test func anIntervalOfZeroIsNone() {
        var watch = Self.watch(retryInterval: 0, stallTime: 0)
        #expect(watch.deadline == nil)
        #expect(watch.due(now: 100_000, guest: { .resting }) == nil)
    }

    @Test func progressMakesTheNextReminderComeSoon() {
        var watch = Self.watch()
        _ = actions(&watch, until: 4_550)
        var observation = Self.holding
        observation.pluggedSize -= 2 << 20
        observation.requests = 1
        watch.observe(now: 4_560, observation)
        #expect(watch.reminders == 0)
        #expect(reminders(&watch, until: 5_000) == [4_610, 4_710, 4_910])
    }

    /// A driver begins from the start when it is interrupted: it is left alone while it sends requests.
    @Test func noReminderComesWhileRequestsDo() {
        var watch = Self.watch()
        var observation = Self.holding
        for time in stride(from: 40, through: 4_000, by: 40) as StrideThrough<UInt64> {
            observation.requests += 1
            observation.pluggedSize -= 2 << 20
            watch.observe(now: time, observation)
            #expect(watch.due(now: time + 39, guest: { .resting }) == nil, "\(time)")
        }
    }

    /// A driver that took 400 ms for its last request may well take as long for the next.
    @Test func aSlowDriverIsGivenTime() {
        var watch = Self.watch()
        var observation = Self.holding
        for (time, deadline) in [(10, 60), (410, 1_210), (450, 1_250)] as [(UInt64, UInt64)] {
            observation.requests += 1
            observation.pluggedSize -= 2 << 20
            watch.observe(now: time, observation)
            #expect(watch.deadline == deadline)
        }
        watch.restart(now: 2_000, observation)
        #expect(watch.deadline == 2_050, "another size, another measure")
    }

    /// One that did nothing for minutes, and goes on when it is reminded, is not slow.
    @Test func aDriverThatHadGivenUpIsNotSlow() {
        var watch = Self.watch()
        _ = actions(&watch, until: 200_550)
        var observation = Self.holding
        observation.requests = 1
        observation.pluggedSize -= 2 << 20
        watch.observe(now: 200_590, observation)
        #expect(watch.deadline == 200_670, "it took 40 ms")
    }

    /// Requests that lead to nothing put the reminder off, but don't bring it closer.
    @Test func requestsInVainAreNoProgress() {
        var watch = Self.watch()
        var observation = Self.holding
        observation.isRefused = true
        _ = actions(&watch, until: 1_550)
        observation.requests = 1
        watch.observe(now: 1_560, observation)
        #expect(watch.deadline == 2_560)
    }

    /// Trying all of 64 GiB takes longer than a second: who is interrupted each second never gets to the end.
    @Test func muchMemoryIsGivenTime() {
        var observation = Self.holding
        observation.pluggedSize = 64 * Self.gibibyte
        var watch = Self.watch(observation)
        #expect(reminders(&watch, until: 60_000).suffix(3) == [25_550, 41_550, 57_550])
    }

    /// Its driver may need longer than a second to try all that is left, and would start over each time.
    @Test func aGuestThatIsAtWorkIsGivenMoreAndMoreTime() {
        var watch = Self.watch()
        let times = reminders(&watch, until: 100_000, isGuestAtWork: { _ in true })
        #expect(times.prefix(6) == [100, 300, 700, 1_500, 3_100, 5_100])
        #expect(times.dropFirst(6).prefix(6) == [7_100, 11_100, 19_100, 27_100, 35_100, 43_100])
    }

    /// On a busy host, all that it does takes that much longer.
    @Test func aGuestThatWaitsForAProcessorIsGivenTime() {
        var watch = Self.watch()
        let times = reminders(&watch, until: 10_000, isGuestAtWork: { _ in true }, share: 16)
        #expect(times.prefix(2) == [850, 2_550])
        // But not for ever.
        watch = Self.watch()
        #expect(reminders(&watch, until: 10_000, isGuestAtWork: { _ in true }, share: 1_000_000) == [8_000])
    }

    @Test func oneThatRestsIsRemindedAtOnce() {
        var watch = Self.watch()
        let times = reminders(&watch, until: 30_000, isGuestAtWork: { $0 < 26_000 })
        #expect(times.suffix(6) == [11_100, 19_100, 26_100, 27_100, 28_100, 29_100])
        // It is at work again, which is known of it by now.
        #expect(reminders(&watch, until: 40_000, isGuestAtWork: { _ in true }) == [37_100])
        watch.restart(now: 40_000, Self.holding)
        #expect(reminders(&watch, until: 41_000, isGuestAtWork: { _ in true }) == [40_100, 40_300, 40_700])
    }

    @Test func whatADriverDoesEndsAPostponement() {
        var watch = Self.watch()
        _ = actions(&watch, until: 20_000, isGuestAtWork: { _ in true })
        var observation = Self.holding
        observation.requests = 1
        observation.pluggedSize -= 2 << 20
        watch.observe(now: 20_010, observation)
        // It took longer than a second for its request. Then all begins anew.
        #expect(watch.deadline == 21_010)
        #expect(reminders(&watch, until: 24_500, isGuestAtWork: { _ in true }) == [21_060, 22_160, 23_360])
    }

    @Test func aGuestMayHaveLessThanRequested() {
        var observation = Self.holding
        observation.requestedSize = Self.gibibyte
        var watch = Self.watch(stallTime: 0, observation)
        #expect(watch.deadline == nil)
        observation.isRefused = true
        observation.requests = 1
        watch.observe(now: 10, observation)
        #expect(watch.deadline == 60, "but where the host refused, it has to try again")
        observation.isRefused = false
        observation.pluggedSize = Self.gibibyte
        watch.observe(now: 20, observation)
        #expect(watch.deadline == nil)
    }

    @Test func nobodyIsRemindedWhereNobodyIsThere() {
        var observation = Self.holding
        observation.hasDriver = false
        var watch = Self.watch(stallTime: 0, observation)
        #expect(watch.deadline == nil)
        observation.hasDriver = true
        watch.observe(now: 3_000, observation)
        #expect(watch.deadline == 3_050)
    }

    // MARK: Explanations

    @Test func aStallIsExplainedOnce() {
        var watch = Self.watch(retryInterval: 0)
        #expect(watch.deadline == 5_000)
        #expect(watch.due(now: 4_999, guest: { .resting }) == nil)
        #expect(watch.due(now: 5_000, guest: { .resting }) == .explain)
        #expect(watch.due(now: 50_000, guest: { .resting }) == nil)
        var observation = Self.holding
        observation.requests = 1
        watch.observe(now: 60_000, observation)
        #expect(watch.deadline == nil, "a request is no progress")
        observation.pluggedSize -= 2 << 20
        watch.observe(now: 70_000, observation)
        #expect(watch.deadline == 75_000)
        #expect(watch.due(now: 75_000, guest: { .resting }) == .explain)
        watch.restart(now: 80_000, observation)
        #expect(watch.deadline == 85_000, "another size, another explanation")
    }

    @Test func whoHasWhatIsRequestedNeedsNoExplanation() {
        var observation = Self.holding
        observation.requestedSize = observation.pluggedSize
        #expect(Self.watch(observation).deadline == nil)
        observation.requestedSize += 2 << 20
        #expect(Self.watch(observation).deadline == 5_000, "too little is explained as well as too much")
    }

    @Test func aDriverThatComesIsProgress() {
        var observation = Self.holding
        observation.hasDriver = false
        var watch = Self.watch(retryInterval: 0, observation)
        #expect(watch.due(now: 5_000, guest: { .resting }) == .explain)
        observation.hasDriver = true
        watch.observe(now: 8_000, observation)
        #expect(watch.deadline == 13_000, "what holds it up now is something else")
    }

    @Test func timeInWhichTheGuestStandsStillDoesNotCount() {
        var watch = Self.watch()
        watch.setPaused(true, now: 10)
        #expect(watch.deadline == nil)
        #expect(watch.due(now: 100_000, guest: { .resting }) == nil)
        watch.setPaused(false, now: 100_000)
        #expect(watch.deadline == 100_050)
        #expect(watch.timeWithoutProgress(now: 100_020) == 20)
        watch.setPaused(false, now: 100_040)
        #expect(watch.deadline == 100_050, "it went on already")
    }

    @Test func timesAreKnown() {
        var watch = Self.watch()
        #expect(watch.idleTime(now: 30) == 30)
        var observation = Self.holding
        observation.requests = 1
        watch.observe(now: 40, observation)
        #expect(watch.idleTime(now: 100) == 60)
        #expect(watch.timeWithoutProgress(now: 100) == 100)
    }
}
