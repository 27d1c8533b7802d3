import Devices
import GuestMemory
import Host
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// The balloon device (virtio specification, 5.5).
struct VirtioBalloonTests {
    /// The number of the first page of the tests' memory, and of the first one behind that region.
    private static let first = TestMemory.start >> 12
    private static let end = TestMemory.second >> 12

    private static func range(_ pages: Range<UInt64>) -> Range<UInt64> {
        pages.lowerBound << 12..<pages.upperBound << 12
    }

    @Test func itIsABalloon() throws {
        let balloon = try BalloonFixture()
        #expect(balloon.fixture.read(.deviceID) == 5)
        #expect(balloon.fixture.offeredFeatures & 0x3F == 0b10_0101)
        let plain = try DeviceFixture(
            VirtioBalloon(memory: ReclaimableMemory([]), deflatesOnOutOfMemory: false, reportsFreePages: false))
        #expect(plain.offeredFeatures & 0x3F == 1)
        plain.write(.queueSelect, 2)
        #expect(plain.read(.queueSizeMaximum) == 0)
    }

    @Test func theConfigurationSaysWhatIsWantedAndWhatIsThere() throws {
        let changes = Atomic<Int>(0)
        let balloon = try BalloonFixture(onActual: { changes.add(1, ordering: .relaxed) })
        let generation = balloon.fixture.read(.configurationGeneration)
        balloon.transport.withDevice { $0.setTarget(0x1234_5678) }
        #expect(balloon.transport.read(offset: 0x100, size: 4) == 0x1234_5678)
        #expect(balloon.fixture.read(.configurationGeneration) != generation)
        balloon.transport.write(offset: 0x104, size: 4, value: 77)
        // What is wanted is not the driver's to say, nor is anything else there.
        balloon.transport.write(offset: 0x100, size: 4, value: 1)
        balloon.transport.write(offset: 0x108, size: 4, value: 1)
        #expect(balloon.transport.read(offset: 0x100, size: 8) == 77 << 32 | 0x1234_5678)
        #expect(balloon.transport.read(offset: 0x108, size: 8) == 0)
        #expect(balloon.transport.withDevice { $0.actual } == 77 && changes.load(ordering: .relaxed) == 1)
        balloon.fixture.write(.status, 0)
        #expect(balloon.transport.withDevice { [$0.target, $0.actual] } == [0x1234_5678, 0])
        #expect(changes.load(ordering: .relaxed) == 2)
    }

    // MARK: Small pages

    @Test func pagesGoBackTogether() throws {
        let balloon = try BalloonFixture()
        let (first, end) = (Self.first, Self.end)
        #expect(try balloon.change(balloon.inflating, [first + 7]) == [Self.range(first + 7..<first + 8)])
        let mixed = [first + 3, first + 1, first + 2, first + 9, first + 2, end - 1]
        #expect(
            try balloon.change(balloon.inflating, mixed)
                == [Self.range(first + 1..<first + 4), Self.range(first + 9..<first + 10), Self.range(end - 1..<end)])
        #expect(try balloon.change(balloon.deflating, mixed) == [])
        #expect(balloon.transport.failure == nil)
    }

    @Test func whatIsNoMemoryIsLeftAlone() throws {
        let balloon = try BalloonFixture()
        let (first, end) = (Self.first, Self.end)
        #expect(
            try balloon.change(balloon.inflating, [0, first - 1, first, end - 1, end, 0xFFFF_FFFF, 0xFFFF_FFFE])
                == [Self.range(first..<first + 1), Self.range(end - 1..<end)])
        #expect(balloon.transport.failure == nil)
    }

    @Test func partsOfNumbersMeanNothing() throws {
        let balloon = try BalloonFixture()
        try balloon.memory.store(UInt32(Self.first), at: GuestAddress(TestMemory.free))
        try balloon.memory.store(UInt32(Self.first), at: GuestAddress(TestMemory.free + 4))
        // Cut between two buffers, and three bytes too many.
        try balloon.inflating.add([.readable(TestMemory.free, 2), .readable(TestMemory.free + 2, 5)])
        try balloon.inflating.add([.writable(TestMemory.free, 8)])
        try balloon.inflating.add([.readable(TestMemory.free, 3)])
        try balloon.inflating.publish()
        balloon.transport.processQueue(0)
        #expect(balloon.part.take() == [Self.range(Self.first..<Self.first + 1)])
        #expect(try balloon.inflating.takeUsed().map(\.written) == [0, 0, 0])
    }

    /// A driver may name as many pages as it likes, but others have their turn in between.
    @Test func longListsTakeSeveralTurns() throws {
        let balloon = try BalloonFixture()
        try balloon.inflating.add([.readable(TestMemory.free, 4 * 2500)])
        try balloon.inflating.publish()
        for isDone in [false, false, true] {
            balloon.transport.processQueue(0)
            #expect(balloon.transport.withDevice { $0.hasMore(queue: 0) } == !isDone)
            #expect(try balloon.inflating.takeUsed().count == (isDone ? 1 : 0))
        }
        // Not what a driver that is gone has left over.
        try balloon.inflating.add([.readable(TestMemory.free, 4 * 2500)])
        try balloon.inflating.publish()
        balloon.transport.processQueue(0)
        try balloon.start()
        #expect(!balloon.transport.withDevice { $0.hasMore(queue: 0) })
        #expect(try balloon.change(balloon.inflating, [Self.first]).count == 1)
    }

    /// A turn may end with the last chain that there is: the driver has to be asked for the next one all the same.
    @Test func aTurnThatEndsWithAChainAsksForMore() throws {
        let balloon = try BalloonFixture(features: BalloonFixture.mustTellHost | VirtioFeature.eventIndex)
        for _ in 0..<4 { try balloon.inflating.add([.readable(TestMemory.free, 4 * 256)]) }
        try balloon.inflating.publish()
        balloon.transport.processQueue(0)
        while balloon.transport.withDevice({ $0.hasMore(queue: 0) }) { balloon.transport.processQueue(0) }
        #expect(try balloon.inflating.takeUsed().count == 4)
        try balloon.inflating.add([.readable(TestMemory.free, 4)])
        #expect(try balloon.inflating.publish(), "the device wants to hear of it")
    }

    @Test func theHostMayRefuse() throws {
        let balloon = try BalloonFixture()
        let error = SystemCallError("madvise", .noMemory)
        balloon.part.fail(with: error)
        #expect(try balloon.change(balloon.inflating, [Self.first]) == [])
        #expect(balloon.transport.withDevice { $0.failure } == error)
        #expect(balloon.transport.failure == nil, "it is no mistake of the driver's")
        balloon.part.fail(with: nil)
        #expect(try balloon.change(balloon.inflating, [Self.first]).count == 1)
        #expect(balloon.transport.withDevice { $0.failure } == nil)
    }

    // MARK: Pages of 2 MiB

    private static let hugePage: UInt64 = 2 << 20
    private static let hugeStart: UInt64 = 0x4000_0000

    /// A region whose backing has pages of 2 MiB, of which the host need not have any.
    private static func hugeRegion() throws -> GuestMemoryRegion? {
        guard let file = try? MemoryFile(inMemory: "test", size: 4 * hugePage, hugePageSize: hugePage) else {
            return nil
        }
        return try GuestMemoryRegion(
            name: "huge", start: GuestAddress(hugeStart), size: 4 * hugePage,
            backing: MemoryBacking(file: file, isShared: true))
    }

    @Test func aLargePageGoesBackWhenAllOfItIsInTheBalloon() throws {
        let region = try #require(try Self.hugeRegion())
        let balloon = try BalloonFixture(region)
        let page = (Self.hugeStart + Self.hugePage) >> 12
        #expect(try balloon.change(balloon.inflating, Array(page..<page + 511)) == [])
        // Those that are there already count once.
        #expect(try balloon.change(balloon.inflating, [page, page + 1, page + 2]) == [])
        #expect(try balloon.change(balloon.inflating, [page + 511]) == [Self.range(page..<page + 512)])
        // One that comes and goes takes the others with it.
        #expect(try balloon.change(balloon.deflating, [page + 5]) == [])
        #expect(try balloon.change(balloon.inflating, [page + 6]) == [])
        #expect(try balloon.change(balloon.inflating, [page + 5]) == [Self.range(page..<page + 512)])
        // None of a driver that is gone is in the balloon of the next one.
        try balloon.start()
        #expect(try balloon.change(balloon.inflating, [page + 511]) == [])
        #expect(try balloon.change(balloon.inflating, Array(page..<page + 511)) == [Self.range(page..<page + 512)])
    }

    /// It may use pages that are in the balloon as far as anybody knows: what is beside them must stay.
    @Test func aDriverThatDoesNotTellKeepsLargePages() throws {
        let region = try #require(try Self.hugeRegion())
        let balloon = try BalloonFixture(region, features: BalloonFixture.reporting)
        let page = Self.hugeStart >> 12
        #expect(try balloon.change(balloon.inflating, Array(page..<page + 512)) == [])
        #expect(try balloon.report([]) == [])
    }

    /// Whatever is put in and taken out, a page goes back exactly when all of it has been put in.
    @Test func largePagesFollowAModel() throws {
        let region = try #require(try Self.hugeRegion())
        let balloon = try BalloonFixture(region)
        var random = SeededGenerator(seed: 7)
        var model: Set<UInt64> = []
        let first = Self.hugeStart >> 12
        for _ in 0..<300 {
            let start = first - 100 + random.next() % 2300
            let pages = Array(start..<start + random.next() % 900)
            let isInflating = random.next() % 3 > 0
            let given = try balloon.change(isInflating ? balloon.inflating : balloon.deflating, pages)
            var expected: Set<UInt64> = []
            if isInflating {
                model.formUnion(pages)
                for page in 0..<UInt64(4) {
                    let all = first + page * 512..<first + page * 512 + 512
                    if !all.clamped(to: start..<start + UInt64(pages.count)).isEmpty, all.allSatisfy(model.contains) {
                        expected.insert(all.lowerBound << 12)
                    }
                }
            } else {
                model.subtract(pages)
            }
            #expect(Set(given.map(\.lowerBound)) == expected)
        }
    }

    // MARK: Free pages

    @Test(arguments: [2, 4]) func freePagesGoBack(_ queue: Int) throws {
        let balloon = try BalloonFixture(reportingQueue: UInt32(queue))
        let start = TestMemory.start + 0x1000
        #expect(
            try balloon.report([(start, 0x2000), (start + 0x8000, 0x1000)], queue: queue)
                == [start..<start + 0x2000, start + 0x8000..<start + 0x9000])
        #expect(balloon.fixture.host.takePulses() > 0)
    }

    /// Only whole pages of the host, and only those that are the guest's.
    @Test func freeBytesAreCutToPages() throws {
        let balloon = try BalloonFixture()
        let start = TestMemory.start
        #expect(try balloon.report([(start + 1, 0x2000)]) == [start + 0x1000..<start + 0x2000])
        #expect(try balloon.report([(start + 1, 0xFFF)]) == [])
        #expect(try balloon.report([(start, 0)]) == [])
        // The rest of it is in a region that stays.
        #expect(
            try balloon.report([(TestMemory.second - 0x1000, 0x2000)]) == [
                TestMemory.second - 0x1000..<TestMemory.second
            ])
        #expect(balloon.transport.failure == nil)
    }

    @Test func whatIsNoMemoryIsTheDriversMistake() throws {
        let balloon = try BalloonFixture()
        try balloon.reporting.add([.writable(TestMemory.end - 0x1000, 0x2000)])
        try balloon.reporting.publish()
        #expect(
            balloon.transport.processQueue(2)
                == .memory(.unmapped(GuestAddress(TestMemory.end - 0x1000), count: 0x2000)))
        #expect(balloon.part.take() == [])
    }

    // MARK: Unplugged memory

    /// A list that goes on where nothing is plugged, behind what a turn takes.
    @Test func aMistakeLeavesNothingToGoOnWith() throws {
        let memory = try UnpluggedMemory()
        let balloon = try BalloonFixture(memory: memory.memory)
        try balloon.inflating.add([.readable(TestMemory.free, 4096), .readable(UnpluggedMemory.start, 8)])
        try balloon.inflating.publish()
        #expect(balloon.transport.processQueue(0) == nil)
        #expect(balloon.transport.withDevice { $0.hasMore(queue: 0) })
        #expect(balloon.transport.processQueue(0) != nil)
        #expect(!balloon.transport.withDevice { $0.hasMore(queue: 0) })
    }

    @Test func listsInUnpluggedMemoryAreTheDriversMistake() throws {
        for (index, isInflating) in [true, false].enumerated() {
            let memory = try UnpluggedMemory()
            let balloon = try BalloonFixture(memory: memory.memory)
            let driver = isInflating ? balloon.inflating : balloon.deflating
            try driver.add([.readable(UnpluggedMemory.start, 8)])
            try driver.publish()
            #expect(
                balloon.transport.processQueue(index)
                    == .memory(.inaccessible(GuestAddress(UnpluggedMemory.start), count: 1)))
            #expect(balloon.fixture.read(.status) & 64 != 0)
        }
    }
}
