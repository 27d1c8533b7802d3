import DiskIO
import GuestMemory
import Host
import SystemPackage
import Testing

@testable import Devices
@testable import DiskTestSupport
@testable import Virtio
@testable import VirtioTestSupport

/// What becomes of a block device's requests while a slow and faulty disk works on them.
struct BlockRequestTests {
    private let engine: FakeDiskEngine
    private let driver: BlockDriver

    init() throws {
        let engine = try FakeDiskEngine()
        self.engine = engine
        driver = try BlockDriver(VirtioBlockConfiguration(size: 1 << 20, queueSize: 16)) { _ in engine }
    }

    private func data(_ number: UInt64, _ count: UInt32 = 512) -> [FakeDriver.Piece] {
        [.writable(BlockDriver.data + number * 1024, count)]
    }

    @Test func requestsEndInAnyOrder() throws {
        for number in 0..<4 as Range<UInt64> { try driver.send(0, sector: number, data(number), number: number) }
        #expect(engine.underWay.count == 4 && driver.driver.takeUsedHeads().isEmpty)
        for tag in [2, 0, 3, 1] {
            engine.finish(tag, 512)
            driver.complete()
            #expect(try driver.driver.takeUsed().count == 1)
            #expect(try driver.status(UInt64(tag)) == 0)
        }
        #expect(engine.underWay.isEmpty)
    }

    @Test func aBatchIsBegunAtOnceAndToldByOneInterrupt() throws {
        engine.immediate = 512
        _ = driver.fixture.host.takePulses()
        for number in 0..<5 as Range<UInt64> { try driver.add(0, sector: number, data(number), number: number) }
        try driver.driver.publish()
        driver.fixture.transport.processQueue(0)
        #expect(try driver.driver.takeUsed().count == 5)
        #expect(driver.fixture.host.takePulses() == 1)
    }

    /// A driver with flushes under way that have taken 20 ms.
    private func busyDriver(_ count: UInt64) throws -> BlockDriver {
        let engine = engine
        let configuration = VirtioBlockConfiguration(size: 1 << 20, queueSize: 64)
        let driver = try BlockDriver(configuration, { _ in engine }, size: 64)
        for number in 0..<count { try driver.add(4, number: number) }
        try driver.driver.publish()
        driver.fixture.transport.processQueue(0)
        Self.sleep(milliseconds: 20)
        _ = driver.fixture.host.takePulses()
        return driver
    }

    private static func sleep(milliseconds: UInt64) {
        let event = try? EventDescriptor()
        _ = event?.wait(milliseconds: Int32(milliseconds))
    }

    private func deadline(_ driver: BlockDriver) -> MonotonicInstant? {
        driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).deadline }
    }

    /// A quarter of sixteen, less the ones that are done.
    @Test func manySlowRequestsAreToldOfAFewAtATime() throws {
        let driver = try busyDriver(16)
        for tag in 0..<2 {
            engine.finish(tag, 0)
            driver.complete()
            #expect(try driver.status(UInt64(tag)) == 0, "it is done")
            #expect(driver.fixture.host.takePulses() == 0 && deadline(driver) != nil)
        }
        engine.finish(2, 0)
        driver.complete()
        #expect(driver.fixture.host.takePulses() == 1 && deadline(driver) == nil)
    }

    @Test func noneWaitsForOthersThatTakeEvenLonger() throws {
        let driver = try busyDriver(16)
        engine.finish(0, 0)
        driver.complete()
        let deadline = try #require(self.deadline(driver))
        let now = MonotonicInstant.now()
        #expect(now < deadline && driver.fixture.host.takePulses() == 0)
        Self.sleep(milliseconds: now.milliseconds(until: deadline))
        driver.complete()
        #expect(driver.fixture.host.takePulses() == 1)
    }

    @Test func aQuickRequestIsToldOfAtOnceBesideManySlowOnes() throws {
        let driver = try busyDriver(15)
        engine.immediate = 0
        try driver.send(4, number: 15)
        #expect(driver.fixture.host.takePulses() == 1)
    }

    @Test func aFewSlowRequestsAreToldOfOneByOne() throws {
        let driver = try busyDriver(8)
        for tag in 0..<8 {
            engine.finish(tag, 0)
            driver.complete()
            #expect(driver.fixture.host.takePulses() == 1)
        }
    }

    /// What the driver was to be told of is nothing to the one after the reset.
    @Test func aResetForgetsWhatWasToBeTold() throws {
        let driver = try busyDriver(16)
        engine.finish(0, 0)
        driver.complete()
        #expect(deadline(driver) != nil)
        driver.fixture.write(.status, 0)
        #expect(deadline(driver) == nil)
    }

    @Test func whatWasDoneInPartGoesOn() throws {
        try driver.send(0, sector: 4, [.writable(BlockDriver.data, 512), .writable(BlockDriver.data + 1024, 512)])
        engine.finish(0, 700)
        driver.complete()
        #expect(try driver.status() == 0xEE)
        let rest = try #require(engine.underWay[0])
        #expect(rest.offset == 4 * 512 + 700 && rest.vectors.byteCount == 324)
        engine.finish(0, 324)
        driver.complete()
        #expect(try driver.driver.takeUsed() == [FakeDriver.Used(head: 0, written: 1025)])
        #expect(try driver.status() == 0)
    }

    @Test(arguments: [Errno.ioError, .noSpace, .badAddress, .badFileDescriptor]) func errorsReachTheDriver(
        _ errno: Errno
    ) throws {
        try driver.send(1, [.readable(BlockDriver.data, 512)])
        engine.finish(0, Int(-errno.rawValue))
        driver.complete()
        #expect(try driver.status() == 1)
        #expect(driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem } == .host(.write, errno))
    }

    @Test func whatTheHostCouldNotBeginIsTriedAgain() throws {
        try driver.send(4)
        engine.finish(0, Int(-Errno.resourceTemporarilyUnavailable.rawValue))
        driver.complete()
        #expect(try driver.status() == 0xEE && engine.begun == [0, 0])
        engine.finish(0, 0)
        driver.complete()
        #expect(try driver.status() == 0)
    }

    @Test func whatTheHostCanNeverBeginIsAnError() throws {
        try driver.send(4)
        for _ in 0..<100 {
            #expect(try driver.status() == 0xEE)
            engine.finish(0, Int(-Errno.resourceTemporarilyUnavailable.rawValue))
            driver.complete()
        }
        #expect(try driver.status() == 1)
        #expect(
            driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem }
                == .host(.flush, .resourceTemporarilyUnavailable))
    }

    /// Linux then writes zeroes itself, or does without.
    @Test(arguments: [11, 13] as [UInt32]) func whatTheDiskCannotDoIsUnsupported(type: UInt32) throws {
        try driver.memory.store(0 as UInt64, at: GuestAddress(BlockDriver.data))
        try driver.memory.store(8 as UInt64, at: GuestAddress(BlockDriver.data + 8))
        try driver.send(type, [.readable(BlockDriver.data, 16)])
        engine.finish(0, Int(-Errno.notSupported.rawValue))
        driver.complete()
        #expect(try driver.status() == 2)
        #expect(driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem } == nil)
    }

    /// 64 MiB are enough to do; what is done of them makes room for others.
    @Test func noMoreIsBegunThanADiskIsBusyWith() throws {
        let engine = self.engine
        let configuration = VirtioBlockConfiguration(size: 1 << 30, queueSize: 256)
        let driver = try BlockDriver(configuration, { _ in engine }, size: 256)
        // The same half MiB, again and again.
        let large = [FakeDriver.Piece](repeating: .writable(BlockDriver.data, 512 << 10), count: 66)
        for number in 0..<2 as Range<UInt64> { try driver.send(0, large, number: number) }
        try driver.send(0, data(0), number: 2)
        #expect(engine.underWay.count == 2)
        engine.finish(0, 16 << 20)
        driver.complete()
        #expect(engine.underWay.count == 3)
        try driver.send(0, large, number: 3)
        engine.finish(1, Int(-Errno.ioError.rawValue))
        driver.complete()
        #expect(try engine.underWay.count == 3 && driver.status(1) == 1)
        for (tag, count) in [(0, 16 << 20), (0, 1 << 20), (2, 512)] {
            engine.finish(tag, count)
            driver.complete()
        }
        #expect(try driver.status(0) == 0 && driver.status(2) == 0 && engine.underWay.count == 1)
        let last = try #require(engine.underWay.keys.first)
        engine.finish(last, 33 << 20)
        driver.complete()
        #expect(try driver.status(3) == 0 && engine.underWay.isEmpty)
    }

    /// A gibibyte of it, which some disks write.
    @Test(arguments: [11, 13] as [UInt32]) func noMoreIsDiscardedThanADiskIsBusyWith(type: UInt32) throws {
        let engine = self.engine
        let driver = try BlockDriver(VirtioBlockConfiguration(size: 8 << 30, queueSize: 16)) { _ in engine }
        for number in 0..<3 as Range<UInt64> {
            let range = BlockDriver.data + 16 * number
            try driver.memory.store(number << 21, at: GuestAddress(range))
            try driver.memory.store((number == 2 ? 8 : 1 << 21) as UInt64, at: GuestAddress(range + 8))
            try driver.send(type, [.readable(range, 16)], number: number)
        }
        #expect(engine.underWay.count == 1)
        engine.finish(0, 0)
        driver.complete()
        #expect(try driver.status(0) == 0 && engine.underWay.count == 1)
        engine.finish(try #require(engine.underWay.keys.first), Int(-Errno.ioError.rawValue))
        driver.complete()
        #expect(try driver.status(1) == 1 && engine.underWay.count == 1)
    }

    @Test func resetsDoNotGoOnWithWhatWasDoneInPart() throws {
        try driver.send(0, data(0, 4096))
        engine.finish(0, 512)
        driver.fixture.write(.status, 0)
        #expect(engine.underWay.isEmpty && engine.begun == [0])
    }

    @Test func resetsWaitForWhatIsUnderWay() throws {
        try driver.send(0, data(0))
        try driver.send(0, data(1), number: 1)
        driver.fixture.write(.status, 0)
        #expect(engine.underWay.isEmpty)
        // Nobody is answered: the memory is the driver's again.
        #expect(try driver.status() == 0xEE && driver.status(1) == 0xEE)
        #expect(try driver.driver.usedIndex == 0)
    }

    @Test func aQueueThatWasTakenAwayIsNotAnswered() throws {
        try driver.send(0, data(0))
        driver.fixture.write(.queueSelect, 0)
        driver.fixture.write(.queueReady, 0)
        #expect(!driver.fixture.transport.isUsable(0))
        // It was waited for: the buffers are the driver's again.
        #expect(engine.underWay.isEmpty)
        driver.fixture.transport.withDevice { $0.dropCompletions(queue: 0) }
        #expect(try driver.status() == 0xEE && driver.driver.usedIndex == 0)
        // Its room is there for another request.
        driver.fixture.setUp(TestMemory.setup(size: 16))
        let next = try driver.fixture.start(features: VirtioFeature.version1, size: 16)
        #expect(next.free.count == 16)
    }

    /// Whoever serves the queue is not held up by a driver that breaks a rule. The reset waits.
    @Test func aBrokenQueueIsNotWaitedFor() throws {
        try driver.send(0, data(0))
        try driver.driver.add([.writable(BlockDriver.data, 512), .readable(BlockDriver.data, 16)])
        try driver.driver.publish()
        #expect(driver.fixture.transport.processQueue(0) != nil)
        #expect(engine.underWay.count == 1)
        driver.fixture.write(.status, 0)
        #expect(try engine.underWay.isEmpty && driver.status() == 0xEE)
    }

    @Test func memoryThatIsGoneMeanwhileIsTheDriversMistake() throws {
        // The status lies in the second region, which goes away under the request.
        try driver.memory.store(UInt64(0), at: GuestAddress(TestMemory.free))
        try driver.memory.store(UInt64(0), at: GuestAddress(TestMemory.free + 8))
        try driver.driver.add([
            .readable(TestMemory.free, 16), .writable(BlockDriver.data, 512), .writable(TestMemory.second, 1),
        ])
        try driver.driver.publish()
        driver.fixture.transport.processQueue(0)
        let region = driver.memory.regions[1]
        try region.mapping.protect(0..<region.size, .inaccessible)
        engine.finish(0, 512)
        #expect(driver.complete() == .memory(.inaccessible(GuestAddress(TestMemory.second), count: 1)))
        #expect(driver.fixture.read(.status) & 64 != 0)
    }

    @Test func aDriverThatSendsOneDescriptorForEverWaits() throws {
        // 16 descriptors, one chain of three, made available again and again.
        try driver.add(0, data(0))
        for _ in 0..<15 { try driver.driver.offer(0) }
        try driver.driver.publish()
        driver.fixture.transport.processQueue(0)
        #expect(engine.underWay.count == 16)
        for _ in 0..<16 { try driver.driver.offer(0) }
        try driver.driver.publish()
        driver.fixture.transport.processQueue(0)
        #expect(engine.underWay.count == 16)
        // As soon as there is room they are taken up.
        for tag in 0..<16 { engine.finish(tag, 512) }
        driver.complete()
        #expect(engine.underWay.count == 16)
    }

    @Test func withoutFlushesWritesAreDurable() throws {
        let engine = try FakeDiskEngine()
        let configuration = VirtioBlockConfiguration(size: 1 << 20, queueSize: 16)
        let driver = try BlockDriver(configuration, { _ in engine }, features: VirtioFeature.version1)
        try driver.send(1, [.readable(BlockDriver.data, 512)])
        guard case .write(durable: true)? = engine.underWay[0]?.operation else {
            Issue.record("not durable")
            return
        }
        try self.driver.send(1, [.readable(BlockDriver.data, 512)])
        guard case .write(durable: false)? = self.engine.underWay[0]?.operation else {
            Issue.record("durable")
            return
        }
    }

    /// Zeroes are written as well, and are on the disk when the driver is answered (5.2.6.2).
    @Test(arguments: [0, Int(-Errno.ioError.rawValue)]) func withoutFlushesZeroesAreDurable(_ result: Int) throws {
        let engine = try FakeDiskEngine()
        let configuration = VirtioBlockConfiguration(size: 1 << 20, queueSize: 16)
        let zeroes = VirtioBlockConfiguration.Feature.writeZeroes
        let driver = try BlockDriver(configuration, { _ in engine }, features: VirtioFeature.version1 | zeroes)
        try driver.memory.store(8 as UInt64, at: GuestAddress(BlockDriver.data))
        try driver.memory.store(8 as UInt64, at: GuestAddress(BlockDriver.data + 8))
        try driver.send(13, [.readable(BlockDriver.data, 16)])
        engine.finish(0, 0)
        driver.complete()
        #expect(try driver.status() == 0xEE)
        guard case .flush? = engine.underWay[0]?.operation else {
            Issue.record("no flush")
            return
        }
        engine.finish(0, result)
        driver.complete()
        #expect(try driver.status() == (result == 0 ? 0 : 1))
        // With flushes, the driver asks for them.
        try self.driver.memory.store(8 as UInt64, at: GuestAddress(BlockDriver.data))
        try self.driver.memory.store(8 as UInt64, at: GuestAddress(BlockDriver.data + 8))
        try self.driver.send(13, [.readable(BlockDriver.data, 16)])
        self.engine.finish(0, 0)
        self.driver.complete()
        #expect(try self.driver.status() == 0)
    }

    /// Linux tells of pages that it could not write by one failing fdatasync(2), and of them no more.
    @Test(arguments: [true, false]) func afterAFailedFlushNoneSucceeds(isCached: Bool) throws {
        let engine = try FakeDiskEngine()
        let configuration = VirtioBlockConfiguration(size: 1 << 20, isCached: isCached, queueSize: 16)
        let driver = try BlockDriver(configuration) { _ in engine }
        for number in 0..<2 as Range<UInt64> { try driver.send(4, number: number) }
        engine.finish(0, Int(-Errno.ioError.rawValue))
        engine.finish(1, 0)
        driver.complete()
        #expect(try driver.status(0) == 1)
        #expect(try driver.status(1) == (isCached ? 1 : 0), "it was under way beside the other")
        driver.fixture.transport.withDevice { $0.reset() }
        try driver.send(4, number: 2)
        engine.finish(engine.begun.last ?? 0, 0)
        driver.complete()
        #expect(try driver.status(2) == (isCached ? 1 : 0), "a driver that begins anew gets nothing back")
        #expect(
            driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem } == (isCached ? .lostWrites : nil))
        // All else works.
        try driver.send(0, data(3), number: 3)
        engine.finish(engine.begun.last ?? 0, 512)
        driver.complete()
        #expect(try driver.status(3) == 0)
    }

    @Test func unsafeDisksIgnoreFlushes() throws {
        let engine = try FakeDiskEngine()
        let configuration = VirtioBlockConfiguration(size: 1 << 20, ignoresFlushes: true, queueSize: 16)
        let driver = try BlockDriver(configuration) { _ in engine }
        try driver.send(4)
        #expect(try driver.status() == 0 && engine.begun.isEmpty)
    }
}

extension FakeDriver {
    fileprivate func takeUsedHeads() -> [UInt32] {
        ((try? takeUsed()) ?? []).map(\.head)
    }
}
