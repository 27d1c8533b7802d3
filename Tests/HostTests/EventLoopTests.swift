import Host
import SystemPackage
import Testing

@Suite final class EventLoopTests {
    private let loop: EventLoop
    private let ours: OwnedFileDescriptor
    private let theirs: OwnedFileDescriptor

    init() throws {
        loop = try EventLoop()
        let (first, second) = try makeByteChannel()
        ours = OwnedFileDescriptor(first)
        theirs = OwnedFileDescriptor(second)
    }

    /// Runs the loop, for at most a few seconds.
    private func run() throws {
        let limit = loop.schedule(afterMilliseconds: 5000) { [loop] in
            Issue.record("the loop did not stop")
            loop.stop()
        }
        try loop.run()
        loop.cancel(limit)
    }

    private func send(_ text: String) throws {
        try theirs.descriptor.write(all: Array(text.utf8)[...])
    }

    // MARK: Timers

    @Test func timersFireInTheOrderOfTheirDeadlines() throws {
        var fired: [Int] = []
        for delay in [30, 10, 20, 0, 10, 40] as [UInt64] {
            loop.schedule(afterMilliseconds: delay) { [loop] in
                fired.append(Int(delay))
                if delay == 40 { loop.stop() }
            }
        }
        let start = MonotonicInstant.now()
        try run()
        #expect(fired == [0, 10, 10, 20, 30, 40])
        #expect(start.advanced(byMilliseconds: 40) <= .now(), "none is early")
    }

    @Test func timersOfOneDeadlineFireInTheOrderInWhichTheyWereMade() throws {
        var fired: [Int] = []
        for number in 0..<20 {
            loop.schedule(afterMilliseconds: 1) { [loop] in
                fired.append(number)
                if number == 19 { loop.stop() }
            }
        }
        try run()
        #expect(fired == Array(0..<20))
    }

    @Test func aCancelledTimerIsSilent() throws {
        var fired = false
        var second: EventLoop.Token?
        let first = loop.schedule(afterMilliseconds: 1) { fired = true }
        loop.schedule(afterMilliseconds: 2) { [loop] in if let second { loop.cancel(second) } }
        second = loop.schedule(afterMilliseconds: 3) { fired = true }
        loop.schedule(afterMilliseconds: 10) { [loop] in loop.stop() }
        loop.cancel(first)
        loop.cancel(first)
        try run()
        #expect(!fired)
    }

    @Test func aMovedTimerFiresAtItsNewTimeAndOnce() throws {
        var fired: [String] = []
        let later = loop.schedule(afterMilliseconds: 1) { fired.append("later") }
        loop.schedule(afterMilliseconds: 100) { fired.append("between") }
        let sooner = loop.schedule(afterMilliseconds: 4000) { fired.append("sooner") }
        let over = loop.schedule(afterMilliseconds: 0) { fired.append("over") }
        loop.schedule(afterMilliseconds: 300) { [loop] in loop.stop() }
        for delay in [500, 3, 200] as [UInt64] {
            loop.move(later, toAfterMilliseconds: delay)
        }
        loop.move(sooner, toAfterMilliseconds: 50)
        loop.schedule(afterMilliseconds: 150) { [loop] in loop.move(over, toAfterMilliseconds: 0) }
        let cancelled = loop.schedule(afterMilliseconds: 1) { fired.append("cancelled") }
        loop.cancel(cancelled)
        loop.move(cancelled, toAfterMilliseconds: 1)
        try run()
        #expect(fired == ["over", "sooner", "between", "later"])
    }

    /// Where two have one deadline, the one that was moved there comes second.
    @Test func aTimerMovesBehindThoseOfItsDeadline() throws {
        var fired: [Int] = []
        let tokens = (0..<4).map { number in loop.schedule(afterMilliseconds: 5) { fired.append(number) } }
        loop.schedule(afterMilliseconds: 30) { [loop] in loop.stop() }
        tokens.reversed().forEach { loop.move($0, toAfterMilliseconds: 6) }
        try run()
        #expect(fired == [3, 2, 1, 0])
    }

    @Test func aTimerThatSchedulesItselfLeavesRoomForDescriptors() throws {
        var rounds = 0
        func again() {
            rounds += 1
            guard rounds < 1_000_000 else {
                Issue.record("the descriptor's turn never came")
                return loop.stop()
            }
            if rounds == 10 { try? send("x") }
            loop.schedule(afterMilliseconds: 0) { again() }
        }
        again()
        _ = try loop.add(ours.descriptor, .readable) { [loop] _ in loop.stop() }
        try run()
    }

    // MARK: Descriptors

    @Test func aReadyDescriptorIsServedAsLongAsItIsReady() throws {
        var received = ""
        _ = try loop.add(ours.descriptor, .readable) { [loop, ours = ours.descriptor] readiness in
            #expect(readiness == .readable)
            guard case .bytes(let bytes) = try? ByteStream.read(ours, limit: 2) else { return loop.stop() }
            received += String(decoding: bytes, as: UTF8.self)
            if received.utf8.count == 7 { loop.stop() }
        }
        try send("seven b")
        try run()
        #expect(received == "seven b")
    }

    @Test func aPeerThatIsGoneIsReportedWhateverIsWaitedFor() throws {
        let (first, second) = try makeByteChannel()
        let owned = OwnedFileDescriptor(first)
        var seen: EventLoop.Readiness = []
        _ = try loop.add(owned.descriptor, []) { [loop] readiness in
            seen = readiness
            loop.stop()
        }
        try second.close()
        try run()
        #expect(!seen.isDisjoint(with: .closed))
    }

    @Test func interestCanChange() throws {
        var seen: [EventLoop.Readiness] = []
        var token: EventLoop.Token?
        token = try loop.add(ours.descriptor, .readable) { [loop] readiness in
            seen.append(readiness)
            loop.stop()
        }
        loop.schedule(afterMilliseconds: 5) { [loop] in
            if let token { try? loop.modify(token, .writable) }
        }
        try run()
        #expect(seen == [.writable])
    }

    @Test func aRemovedDescriptorIsNotServedAnyMore() throws {
        var count = 0
        var token: EventLoop.Token?
        token = try loop.add(ours.descriptor, .readable) { [loop] _ in
            count += 1
            if let token { loop.remove(token) }
            loop.schedule(afterMilliseconds: 20) { loop.stop() }
        }
        try send("x")
        try run()
        #expect(count == 1)
        let removed = try #require(token)
        loop.remove(removed)
        try loop.modify(removed, .writable)
        _ = try loop.add(ours.descriptor, .readable) { _ in }
    }

    /// Both are ready in the same turn; whoever comes first removes the other.
    @Test func aHandlerMayRemoveAnotherThatIsReadyToo() throws {
        let (first, second) = try makeByteChannel()
        let other = OwnedFileDescriptor(first)
        let peer = OwnedFileDescriptor(second)
        var tokens: [EventLoop.Token] = []
        var calls: [Int] = []
        for (number, descriptor) in [ours.descriptor, other.descriptor].enumerated() {
            tokens.append(
                try loop.add(descriptor, .readable) { [loop] _ in
                    calls.append(number)
                    tokens.forEach(loop.remove)
                    loop.schedule(afterMilliseconds: 10) { loop.stop() }
                })
        }
        try send("x")
        try peer.descriptor.write(all: [1])
        try run()
        #expect(calls.count == 1)
    }

    @Test func aHandlerMayReplaceItself() throws {
        var calls: [String] = []
        var token: EventLoop.Token?
        token = try loop.add(ours.descriptor, .readable) { [loop, ours = ours.descriptor] _ in
            calls.append("old")
            if let token { loop.remove(token) }
            _ = try? loop.add(ours, .readable) { _ in
                calls.append("new")
                loop.stop()
            }
        }
        try send("x")
        try run()
        #expect(calls == ["old", "new"])
    }

    /// A token that is over means nobody else who came since, and neither do those of timers mean descriptors.
    @Test func tokensAreNobodyElses() throws {
        let old = try loop.add(ours.descriptor, .readable) { _ in }
        loop.remove(old)
        var served = 0
        var ended = 0
        // As many of one kind as of the other, so that a number would mean one of each.
        let events = try (0..<5).map { _ in try EventDescriptor() }
        let descriptors = try events.map { event in
            try loop.add(event.descriptor, .readable) { _ in
                event.drain()
                served += 1
            }
        }
        let timers = (0..<4).map { _ in loop.schedule(afterMilliseconds: 5) { ended += 1 } }
        loop.remove(old)
        try loop.modify(old, [])
        timers.forEach(loop.remove)
        descriptors.forEach(loop.cancel)
        events.forEach { $0.signal() }
        loop.schedule(afterMilliseconds: 20) { [loop] in loop.stop() }
        try run()
        #expect(served == 5 && ended == 4)
        timers.forEach(loop.cancel)
        for _ in 0..<2 { descriptors.forEach(loop.remove) }
        events.forEach { $0.signal() }
        loop.schedule(afterMilliseconds: 5) { [loop] in loop.stop() }
        try run()
        #expect(served == 5)
    }

    @Test func stoppingHoldsBackWhatElseIsReady() throws {
        var events: [EventDescriptor] = []
        var calls = 0
        for _ in 0..<100 {
            let event = try EventDescriptor()
            event.signal()
            events.append(event)
            _ = try loop.add(event.descriptor, .readable) { [loop] _ in
                calls += 1
                loop.stop()
            }
        }
        loop.schedule(afterMilliseconds: 0) { calls += 1 }
        try run()
        #expect(calls == 1)
    }

    @Test func manyReadyDescriptorsAreAllServed() throws {
        var events: [EventDescriptor] = []
        var served: Set<Int> = []
        for number in 0..<100 {
            let event = try EventDescriptor()
            event.signal()
            events.append(event)
            _ = try loop.add(event.descriptor, .readable) { [loop] _ in
                event.drain()
                served.insert(number)
                if served.count == 100 { loop.stop() }
            }
        }
        try run()
        #expect(served.count == 100)
    }

    @Test func aFileCanNotBeWaitedFor() throws {
        let file = try OwnedFileDescriptor(opening: "/proc/self/exe", .readOnly)
        #expect(throws: SystemCallError("epoll_ctl", .notPermitted)) {
            _ = try loop.add(file.descriptor, .readable) { _ in }
        }
    }
}

@Suite struct MonotonicInstantTests {
    @Test func waitsAreRoundedUp() {
        let instant = MonotonicInstant(nanoseconds: 1_000_000)
        let later: [(UInt64, UInt64)] = [(1_000_000, 0), (0, 0), (1_000_001, 1), (2_000_000, 1), (2_000_001, 2)]
        for (nanoseconds, milliseconds) in later {
            #expect(instant.milliseconds(until: MonotonicInstant(nanoseconds: nanoseconds)) == milliseconds)
        }
        #expect(instant.advanced(byMilliseconds: 3).nanoseconds == 4_000_000)
    }
}
