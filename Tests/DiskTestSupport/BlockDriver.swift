import DiskIO
import GuestMemory
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// A driver of a block device with one queue, and what its requests are made of.
struct BlockDriver {
    static let flush: UInt64 = 1 << 9

    let fixture: DeviceFixture<VirtioBlock>
    let driver: FakeDriver
    /// Headers and statuses of requests lie here, one after the other; data behind.
    private static let headers = TestMemory.free
    private static let statuses = TestMemory.free + 0x1000
    static let data = TestMemory.free + 0x2000

    init(
        _ configuration: VirtioBlockConfiguration, _ makeEngine: (GuestMemory) throws -> any DiskEngine,
        features: UInt64 = VirtioFeature.version1 | Self.flush, size: UInt16 = 16
    ) throws {
        let memory = try TestMemory.make()
        let engine = try makeEngine(memory)
        let device = VirtioBlock(configuration, engines: [engine], memory: memory)
        try self.init(DeviceFixture(device, memory: memory), features: features, size: size)
    }

    init(_ fixture: DeviceFixture<VirtioBlock>, features: UInt64, size: UInt16) throws {
        self.fixture = fixture
        driver = try fixture.start(features: features, size: size)
    }

    var memory: GuestMemory { fixture.memory }

    /// Makes a request available, and has the device look at it.
    ///
    /// - Parameter number: of its header and status; one that is under way has another.
    func send(
        _ type: UInt32, sector: UInt64 = 0, _ data: [FakeDriver.Piece] = [], number: UInt64 = 0
    ) throws {
        try add(type, sector: sector, data, number: number)
        try driver.publish()
        fixture.transport.processQueue(0)
    }

    func add(_ type: UInt32, sector: UInt64 = 0, _ data: [FakeDriver.Piece] = [], number: UInt64 = 0) throws {
        let header = Self.headers + 16 * number
        try memory.store(UInt64(type), at: GuestAddress(header))
        try memory.store(sector, at: GuestAddress(header + 8))
        try memory.store(UInt8(0xEE), at: GuestAddress(Self.statuses + number))
        let pieces = [.readable(header, 16)] + data + [.writable(Self.statuses + number, 1)]
        #expect(try driver.add(pieces) != nil)
    }

    /// Has the device give back what its engine has done.
    @discardableResult
    func complete() -> VirtqueueError? {
        fixture.transport.withQueue(0) { (device, queue) throws(VirtqueueError) in
            try device.complete(queue: 0, queue)
        }
    }

    /// The status of a request; 0xEE where the device has not written one.
    func status(_ number: UInt64 = 0) throws -> UInt8 {
        try memory.loadUInt8(at: GuestAddress(Self.statuses + number))
    }

    func bytes(_ count: Int, at offset: UInt64 = 0) throws -> [UInt8] {
        try memory.read(count, at: GuestAddress(Self.data + offset))
    }
}
