import Devices
import GuestMemory
import Host
import Synchronization

@testable import Virtio
@testable import VirtioTestSupport

/// A balloon with its queues, its driver, and memory in which everything is that can be: small pages, pages of 2 MiB,
/// and a memory device's blocks.
final class BalloonFixture {
    /// A part that keeps what was given back of it.
    final class Part: ReclaimablePart {
        let memory: GuestMemoryRegion
        private let ranges = Mutex<[Range<UInt64>]>([])
        private let failure = Mutex<SystemCallError?>(nil)

        init(_ memory: GuestMemoryRegion) {
            self.memory = memory
        }

        func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
            if let failure = failure.withLock({ $0 }) { throw failure }
            ranges.withLock { $0.append(range) }
        }

        func fail(with error: SystemCallError?) {
            failure.withLock { $0 = error }
        }

        /// What was given back since this was last asked: guest-physical addresses.
        func take() -> [Range<UInt64>] {
            ranges.withLock { ranges in
                defer { ranges = [] }
                let start = memory.start.rawValue
                return ranges.map { start + $0.lowerBound..<start + $0.upperBound }
            }
        }
    }

    static let reporting: UInt64 = 1 << 5
    static let mustTellHost: UInt64 = 1

    let fixture: DeviceFixture<VirtioBalloon>
    let part: Part
    private(set) var inflating: FakeDriver
    private(set) var deflating: FakeDriver
    private(set) var reporting: FakeDriver

    var transport: VirtioMMIOTransport<VirtioBalloon> { fixture.transport }
    var memory: GuestMemory { fixture.memory }

    private static func setup(_ number: UInt64) -> QueueSetup {
        let start = TestMemory.start + number * 0x3_0000
        return QueueSetup(
            size: 8, descriptorTable: start, availableRing: start + 0x1_0000, usedRing: start + 0x2_0000)
    }

    /// - Parameters:
    ///   - region: what can be given back; all of the tests' memory if left out.
    ///   - reportingQueue: the number of the queue for free pages.
    init(
        _ region: GuestMemoryRegion? = nil, features: UInt64 = mustTellHost | reporting, reportingQueue: UInt32 = 2,
        memory: GuestMemory? = nil, onActual: @escaping @Sendable () -> Void = {}
    ) throws {
        let memory = try memory ?? TestMemory.make()
        let part = Part(region ?? memory.regions[0])
        self.part = part
        fixture = try DeviceFixture(
            VirtioBalloon(
                memory: ReclaimableMemory([part]), deflatesOnOutOfMemory: true, reportsFreePages: true,
                onActual: onActual),
            memory: memory)
        let features = VirtioFeature.version1 | features
        (inflating, deflating, reporting) = (
            FakeDriver(memory: memory, setup: Self.setup(0), features: features),
            FakeDriver(memory: memory, setup: Self.setup(1), features: features),
            FakeDriver(memory: memory, setup: Self.setup(2), features: features)
        )
        try start(reportingQueue: reportingQueue)
    }

    /// Does what a driver does that begins.
    func start(reportingQueue: UInt32 = 2) throws {
        fixture.write(.status, 0)
        for driver in [\BalloonFixture.inflating, \.deflating, \.reporting] {
            let former = self[keyPath: driver]
            self[keyPath: driver] = FakeDriver(memory: memory, setup: former.setup, features: former.features)
        }
        fixture.negotiate(inflating.features)
        for (driver, queue) in [(inflating, 0), (deflating, 1), (reporting, reportingQueue)] {
            _ = try driver.makeQueue()
            fixture.setUp(driver.setup, queue: queue)
        }
        fixture.write(.status, DeviceFixture<VirtioBalloon>.ready)
        _ = fixture.host.takeNotifications()
    }

    /// Puts pages into the balloon or takes them out, in a chain of one buffer.
    ///
    /// - Returns: what was given back.
    @discardableResult
    func change(_ driver: FakeDriver, _ pages: [UInt64]) throws -> [Range<UInt64>] {
        let bytes = pages.flatMap { page in (0..<4).map { UInt8(truncatingIfNeeded: page >> (8 * $0)) } }
        try memory.write(bytes, at: GuestAddress(TestMemory.free))
        try driver.add([.readable(TestMemory.free, UInt32(bytes.count))])
        return try serve(driver, driver === inflating ? 0 : 1)
    }

    /// Tells of free memory.
    func report(_ ranges: [(address: UInt64, count: UInt32)], queue: Int = 2) throws -> [Range<UInt64>] {
        try reporting.add(ranges.map { .writable($0.address, $0.count) })
        return try serve(reporting, queue)
    }

    private func serve(_ driver: FakeDriver, _ queue: Int) throws -> [Range<UInt64>] {
        try driver.publish()
        transport.processQueue(queue)
        while transport.withDevice({ $0.hasMore(queue: queue) }) { transport.processQueue(queue) }
        _ = try driver.takeUsed()
        return part.take()
    }
}
