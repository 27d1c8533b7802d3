import Glibc
import Host
import Testing

/// Signals concern the whole process, so each test has one of its own. Its other threads don't block the signals, so
/// they are sent to the thread alone.
@Suite struct SignalDescriptorTests {
    @Test func aSignalIsReadInsteadOfInterrupting() async {
        await #expect(processExitsWith: .success) {
            let signals = try SignalDescriptor([SIGTERM, SIGUSR1])
            #expect(signals.next() == nil)
            raise(SIGTERM)
            #expect(signals.next() == SIGTERM)
            #expect(signals.next() == nil)
            raise(SIGUSR1)
            raise(SIGTERM)
            #expect(Set([signals.next(), signals.next()]) == [SIGTERM, SIGUSR1])
            #expect(signals.next() == nil)
        }
    }

    @Test func aLoopWaitsForIt() async {
        await #expect(processExitsWith: .success) {
            let signals = try SignalDescriptor([SIGHUP])
            let loop = try EventLoop()
            var received: CInt?
            let descriptor = signals.descriptor
            _ = try loop.add(descriptor, .readable) { [loop] _ in loop.stop() }
            loop.schedule(afterMilliseconds: 5) { raise(SIGHUP) }
            try loop.run()
            received = signals.next()
            #expect(received == SIGHUP)
        }
    }

    /// As for `nohup`, and for jobs that a shell without job control puts into the background.
    @Test func whatIsIgnoredStaysIgnored() async {
        await #expect(processExitsWith: .success) {
            signal(SIGHUP, SIG_IGN)
            signal(SIGINT, SIG_IGN)
            let signals = try SignalDescriptor([SIGHUP, SIGINT, SIGTERM])
            raise(SIGHUP)
            raise(SIGINT)
            #expect(signals.next() == nil)
            raise(SIGTERM)
            #expect(signals.next() == SIGTERM)
        }
    }

    @Test func otherSignalsAreNotTouched() async {
        await #expect(processExitsWith: .signal(SIGUSR2)) {
            let signals = try SignalDescriptor([SIGTERM])
            kill(getpid(), SIGUSR2)
            sleep(5)
            #expect(signals.next() == nil)
        }
    }

    /// Whoever waits for the process sees what ended it.
    @Test func whatWasReadCanStillEndTheProcess() async {
        await #expect(processExitsWith: .signal(SIGTERM)) {
            let signals = try SignalDescriptor([SIGTERM, SIGCONT])
            raise(SIGTERM)
            #expect(signals.next() == SIGTERM)
            // What does nothing by itself does nothing, and is still read.
            takeDefaultAction(of: SIGCONT)
            raise(SIGCONT)
            #expect(signals.next() == SIGCONT)
            takeDefaultAction(of: SIGTERM)
        }
    }

    @Test func aBrokenPipeIsAnErrorWhereItIsIgnored() async {
        await #expect(processExitsWith: .success) {
            ignoreBrokenPipes()
            let (ours, theirs) = try makeByteChannel()
            try theirs.close()
            #expect(throws: SystemCallError("write", .brokenPipe)) { try ByteStream.write(ours, [1]) }
        }
    }
}
