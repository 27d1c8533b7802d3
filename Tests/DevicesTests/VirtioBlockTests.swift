import DiskIO
import GuestMemory
import Host
import SystemPackage
import Testing

@testable import Devices
@testable import DiskTestSupport
@testable import Virtio
@testable import VirtioTestSupport

/// The block device (virtio specification, 5.2) with a file of 1 MiB, by io_uring.
struct VirtioBlockTests {
    private static let size: UInt64 = 1 << 20
    private let file: OwnedFile

    /// A file in memory, as the tests share it.
    private final class OwnedFile {
        let file: OwnedFileDescriptor
        init() throws {
            file = try OwnedFileDescriptor(memoryFile: "disk")
            try file.descriptor.write(all: [UInt8](repeating: 0x55, count: Int(VirtioBlockTests.size))[...])
        }
    }

    init() throws {
        file = try OwnedFile()
    }

    private func driver(
        _ configuration: VirtioBlockConfiguration = VirtioBlockConfiguration(size: size, queueSize: 16),
        features: UInt64 = VirtioFeature.version1 | BlockDriver.flush
    ) throws -> BlockDriver {
        let descriptor = file.file.descriptor
        return try BlockDriver(
            configuration, { _ in try UringEngine(disk: descriptor, capacity: 16) }, features: features)
    }

    /// Waits for the end of all that is under way.
    private func finish(_ driver: BlockDriver, _ count: Int = 1) throws -> [FakeDriver.Used] {
        var used: [FakeDriver.Used] = []
        for _ in 0..<1000 where used.count < count {
            driver.complete()
            used += try driver.driver.takeUsed()
            if used.count < count { usleepBriefly() }
        }
        return used
    }

    private func usleepBriefly() {
        _ = ByteStream.waitUntilReadable(file.file.descriptor, milliseconds: 1)
        var spin = 0
        while spin < 100_000 { spin += 1 }
    }

    private func contents(_ count: Int, at offset: UInt64) throws -> [UInt8] {
        try file.file.descriptor.bytes(count: count, at: offset)
    }

    @Test func itIsABlockDevice() throws {
        let driver = try driver(VirtioBlockConfiguration(size: Self.size + 511, blockSize: 4096, queueSize: 16))
        let fixture = driver.fixture
        #expect(fixture.read(.deviceID) == 2)
        func field(_ offset: UInt64, _ size: Int) -> UInt64 {
            fixture.transport.read(offset: 0x100 + offset, size: size)
        }
        // Capacity in sectors, seg_max, blk_size; the last sector that is not whole does not count.
        #expect(field(0, 4) == 2048 && field(4, 4) == 0)
        #expect(field(12, 4) == 14 && field(20, 4) == 4096)
        // Discard: sectors, segments, alignment; write zeroes: sectors, segments, may unmap.
        #expect(field(36, 4) == 1 << 21 && field(40, 4) == 1 && field(44, 4) == 8)
        #expect(field(48, 4) == 1 << 21 && field(52, 4) == 1 && field(56, 1) == 1)
        #expect(field(60, 4) == 0)
        // Of no width that there is.
        for size in [Int.min, -1, 0, 9, .max] { #expect(field(12, size) == 0) }
        // SEG_MAX, BLK_SIZE, FLUSH, TOPOLOGY, DISCARD, WRITE_ZEROES.
        #expect(fixture.offeredFeatures & 0xFF_FFFF == 1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 13 | 1 << 14)
    }

    @Test func featuresFollowTheDisk() throws {
        func features(_ configuration: VirtioBlockConfiguration) -> UInt64 { configuration.features & 0xFF_FFFF }
        #expect(
            features(VirtioBlockConfiguration(size: 512, isReadOnly: true)) == 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10)
        #expect(
            features(VirtioBlockConfiguration(size: 512, discards: false, queueCount: 2))
                == 1 << 2 | 1 << 6 | 1 << 9 | 1 << 10 | 1 << 12)
        let several = VirtioBlockConfiguration(size: 512, queueCount: 3).bytes
        #expect(several[34] == 3 && several.count == 60)
    }

    @Test func readsAndWrites() throws {
        let driver = try driver()
        let pattern = (0..<1536).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        try driver.memory.write(pattern, at: GuestAddress(BlockDriver.data))
        try driver.send(1, sector: 7, [.readable(BlockDriver.data, 1000), .readable(BlockDriver.data + 1000, 536)])
        #expect(try finish(driver).map(\.written) == [1])
        #expect(try driver.status() == 0)
        #expect(try contents(1536, at: 7 * 512) == pattern)
        #expect(try contents(512, at: 6 * 512).allSatisfy { $0 == 0x55 })
        try driver.send(
            0, sector: 7, [.writable(BlockDriver.data + 0x4000, 512), .writable(BlockDriver.data + 0x5000, 1024)])
        #expect(try finish(driver).map(\.written) == [1537])
        #expect(try driver.bytes(512, at: 0x4000) + driver.bytes(1024, at: 0x5000) == pattern)
        try driver.send(4)
        #expect(try finish(driver).map(\.written) == [1])
        #expect(try driver.status() == 0)
        #expect(driver.fixture.host.takePulses() >= 3)
    }

    @Test func theLastSectorIsTheLast() throws {
        let driver = try driver()
        let last = Self.size / 512 - 1
        for (sector, length, status) in [
            (last, 512, 0), (last, 1024, 1), (last + 1, 512, 1), (UInt64.max, 512, 1), (UInt64.max / 512 + 1, 512, 1),
            (0, 100, 1), (last + 1, 0, 0),
        ] as [(UInt64, UInt32, UInt8)] {
            for type: UInt32 in [0, 1] {
                let piece: FakeDriver.Piece =
                    type == 0 ? .writable(BlockDriver.data, length) : .readable(BlockDriver.data, length)
                try driver.send(type, sector: sector, [piece])
                _ = try finish(driver)
                #expect(try driver.status() == status, "\(type) \(sector) \(length)")
            }
        }
        #expect(try file.file.descriptor.stat().size == Int64(Self.size))
    }

    @Test func blocksLargerThanASectorAreWhole() throws {
        let driver = try driver(VirtioBlockConfiguration(size: Self.size, blockSize: 4096, queueSize: 16))
        for (sector, length, status) in [(8, 4096, 0), (1, 4096, 1), (8, 512, 1)] as [(UInt64, UInt32, UInt8)] {
            try driver.send(0, sector: sector, [.writable(BlockDriver.data, length)])
            _ = try finish(driver)
            #expect(try driver.status() == status)
        }
    }

    @Test func readOnlyDisksAreNotWritten() throws {
        let driver = try driver(
            VirtioBlockConfiguration(size: Self.size, isReadOnly: true, queueSize: 16), features: VirtioFeature.version1
        )
        try driver.send(1, [.readable(BlockDriver.data, 512)])
        #expect(try driver.status() == 1)
        try driver.send(11, [.readable(BlockDriver.data, 16)])
        #expect(try driver.status() == 1)
        _ = try driver.driver.takeUsed()
        try driver.send(0, [.writable(BlockDriver.data, 512)])
        _ = try finish(driver)
        #expect(try driver.status() == 0)
        #expect(try contents(512, at: 0).allSatisfy { $0 == 0x55 })
    }

    @Test func theSerialNumberIsTold() throws {
        let driver = try driver(VirtioBlockConfiguration(size: Self.size, serial: "disk-of-the-test", queueSize: 16))
        try driver.memory.fill(at: GuestAddress(BlockDriver.data), count: 32, with: 0xAA)
        try driver.send(8, [.writable(BlockDriver.data, 20)])
        #expect(try driver.status() == 0)
        #expect(try driver.bytes(21) == Array("disk-of-the-test".utf8) + [0, 0, 0, 0, 0xAA])
        try driver.send(8, [.writable(BlockDriver.data, 19)])
        #expect(try driver.status() == 1)
    }

    /// A segment of a discard or of write zeroes.
    private func range(_ driver: BlockDriver, _ sector: UInt64, _ count: UInt32, _ flags: UInt32 = 0) throws
        -> [FakeDriver.Piece]
    {
        try driver.memory.store(sector, at: GuestAddress(BlockDriver.data))
        try driver.memory.store(count, at: GuestAddress(BlockDriver.data + 8))
        try driver.memory.store(flags, at: GuestAddress(BlockDriver.data + 12))
        return [.readable(BlockDriver.data, 16)]
    }

    @Test func rangesAreDiscardedAndZeroed() throws {
        let driver = try driver()
        for (type, flags) in [(11, 0), (13, 1)] as [(UInt32, UInt32)] {
            try file.file.descriptor.writeAllAt0([UInt8](repeating: 0x55, count: 65536))
            try driver.send(type, try range(driver, 8, 16, flags))
            _ = try finish(driver)
            #expect(try driver.status() == 0)
            #expect(try contents(8192, at: 4096).allSatisfy { $0 == 0 })
            #expect(try contents(4096, at: 0).allSatisfy { $0 == 0x55 } && contents(512, at: 12288)[0] == 0x55)
        }
        for (type, sector, count, flags, status) in [
            (11, 0, 8, 1, 2), (11, 0, 8, 4, 2), (13, 0, 8, 2, 2), (11, 2047, 2, 0, 1), (13, .max, 1, 0, 1),
            (11, 0, .max, 0, 1), (11, 2048, 0, 0, 0),
        ] as [(UInt32, UInt64, UInt32, UInt32, UInt8)] {
            try driver.send(type, try range(driver, sector, count, flags))
            #expect(try driver.status() == status, "\(type) \(sector) \(count) \(flags)")
            _ = try driver.driver.takeUsed()
        }
        _ = try range(driver, 0, 8)
        try driver.send(11, [.readable(BlockDriver.data, 32)])
        #expect(try driver.status() == 1)
    }

    @Test func withoutDiscardThereIsNone() throws {
        let driver = try driver(VirtioBlockConfiguration(size: Self.size, discards: false, queueSize: 16))
        try driver.send(11, try range(driver, 0, 8))
        #expect(try driver.status() == 2)
    }

    @Test(arguments: [2, 3, 5, 10, 14, 0xFFFF_FFFF] as [UInt32]) func otherTypesAreUnsupported(_ type: UInt32) throws {
        let driver = try driver()
        try driver.send(type, [.writable(BlockDriver.data, 512)])
        #expect(try driver.status() == 2)
    }

    /// The kernel does not reach it for the guest either.
    @Test(arguments: [0, 1] as [UInt32]) func memoryThatIsUnpluggedIsAnIOError(_ type: UInt32) throws {
        let driver = try driver()
        let region = driver.memory.regions[1]
        try region.mapping.protect(0..<region.size, .inaccessible)
        let pieces = [(BlockDriver.data, 512), (TestMemory.second, 512)] as [(UInt64, UInt32)]
        try driver.send(
            type, pieces.map { type == 0 ? .writable($0, $1) : .readable($0, $1) } as [FakeDriver.Piece])
        #expect(try finish(driver).count == 1)
        #expect(try driver.status() == 1)
        #expect(
            driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem }
                == .host(type == 0 ? .read : .write, .badAddress))
        #expect(try contents(512, at: 512).allSatisfy { $0 == 0x55 })
        // A mistake in a buffer is none in the queue.
        try driver.send(0, [.writable(BlockDriver.data, 512)])
        #expect(try finish(driver).count == 1)
        #expect(try driver.status() == 0)
    }

    @Test func aFileThatWasTruncatedIsAnIOError() throws {
        let driver = try driver()
        try file.file.descriptor.resize(to: 4096)
        try driver.send(0, sector: 100, [.writable(BlockDriver.data, 512)])
        _ = try finish(driver)
        #expect(try driver.status() == 1)
        #expect(driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem } == .endOfFile)
        try driver.send(0, sector: 0, [.writable(BlockDriver.data, 512)])
        _ = try finish(driver)
        #expect(try driver.status() == 0)
        #expect(driver.fixture.transport.withDevice { $0.outcome(ofQueue: 0).problem } == nil)
    }

    @Test func chainsWithoutRoomNeedAReset() throws {
        for pieces: [FakeDriver.Piece] in [
            [.readable(TestMemory.free, 15), .writable(TestMemory.free + 64, 1)], [.readable(TestMemory.free, 16)],
            [.writable(TestMemory.free, 64)],
        ] {
            let driver = try driver()
            try driver.driver.add(pieces)
            try driver.driver.publish()
            #expect(driver.fixture.transport.processQueue(0) != nil)
            #expect(driver.fixture.read(.status) & 64 != 0)
        }
    }
}

extension FileDescriptor {
    fileprivate func writeAllAt0(_ bytes: [UInt8]) throws {
        try seek(offset: 0, from: .start)
        try writeAll(bytes)
    }
}
