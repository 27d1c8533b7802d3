import Host
import Testing

@Suite struct TimerDescriptorTests {
    private let timer: TimerDescriptor
    private let loop: EventLoop

    init() throws {
        timer = try TimerDescriptor()
        loop = try EventLoop()
    }

    /// When the timer goes off, each time, until nothing has happened for 50 ms.
    private func times(_ body: @escaping () -> Void = {}) throws -> [MonotonicInstant] {
        var times: [MonotonicInstant] = []
        let token = try loop.add(timer.descriptor, .moreReadable) { _ in
            times.append(.now())
            body()
        }
        defer { loop.remove(token) }
        loop.schedule(afterMilliseconds: 50) { [loop] in loop.stop() }
        try loop.run()
        return times
    }

    @Test func itGoesOffOnceAndNeverTooEarly() throws {
        let due = MonotonicInstant.now().advanced(byMilliseconds: 3)
        timer.set(to: due)
        let times = try times()
        #expect(times.count == 1 && times[0] >= due)
    }

    @Test(arguments: [0, 1] as [UInt64]) func whatIsOverIsDueAtOnce(nanoseconds: UInt64) throws {
        timer.set(to: MonotonicInstant(nanoseconds: nanoseconds))
        #expect(try times().count == 1)
    }

    @Test func theLastTimeCounts() throws {
        timer.set(to: .now())
        timer.set(to: .now().advanced(byMilliseconds: 10_000))
        #expect(try times().isEmpty)
    }

    @Test func itIsSetAgainThoughNobodyReadsIt() throws {
        var left = 3
        timer.set(to: .now())
        let times = try times { [timer] in
            left -= 1
            if left > 0 { timer.set(to: .now().advanced(byMilliseconds: 1)) }
        }
        #expect(times.count == 3)
    }
}
