import GuestMemory
import Host
import TestSupport
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// The network device (virtio specification, 5.1) with sockets for taps.
struct VirtioNetTests {
    private typealias Feature = VirtioNetConfiguration.Feature

    @Test func itIsANetworkCard() throws {
        let driver = try NetDriver(pairs: 4, mtu: 9000, offloads: [.checksum, .tcp4], starts: false)
        let fixture = driver.fixture
        #expect(fixture.read(.deviceID) == 1)
        func field(_ offset: UInt64, _ size: Int) -> UInt64 {
            fixture.transport.read(offset: 0x100 + offset, size: size)
        }
        #expect((0..<6).map { UInt8(field($0, 1)) } == NetDriver.address)
        #expect(field(6, 2) == 1 && field(8, 2) == 4 && field(10, 2) == 9000 && field(12, 4) == 0)
        let offered = fixture.offeredFeatures
        #expect(offered & (Feature.mtu | Feature.multipleQueues) == Feature.mtu | Feature.multipleQueues)
        #expect(offered & Feature.hostTCP4 != 0 && offered & Feature.guestTCP4 != 0)
        #expect(offered & (Feature.hostTCP6 | Feature.guestUDP4 | Feature.guestUDPFragments) == 0)
        let plain = try NetDriver(starts: false)
        let own = plain.fixture.offeredFeatures & ~VirtioFeature.ofQueues
        var expected = Feature.address | Feature.status | Feature.mergeableBuffers | Feature.control
        expected |= Feature.controlReceive | Feature.controlReceiveExtra | Feature.controlAddress
        #expect(own == expected)
    }

    @Test func framesGoOut() throws {
        let driver = try NetDriver()
        let frame = NetDriver.frame(1000)
        try driver.memory.write(frame, at: GuestAddress(NetDriver.data))
        // However the driver cuts it, also within the header.
        for cuts: [UInt32] in [[1012], [12, 1000], [5, 30, 977], [10, 2, 14, 986]] {
            var place = NetDriver.data
            var pieces: [FakeDriver.Piece] = []
            for cut in cuts {
                pieces.append(.readable(place, cut))
                place += UInt64(cut)
            }
            try driver.send(pieces)
            #expect(driver.processTransmit() == nil)
            #expect(driver.ports[0].take() == frame)
            #expect(try driver.queues[1].takeUsed().map(\.written) == [0])
        }
        #expect(driver.fixture.host.takePulses() == 4)
    }

    @Test func framesComeIn() throws {
        let driver = try NetDriver()
        let places = try driver.addBuffers(4, of: 2048)
        let frames = [60, 1500, 2036].map { NetDriver.frame($0, seed: $0) }
        for frame in frames { try driver.ports[0].put(frame) }
        _ = driver.fixture.host.takePulses()
        #expect(driver.receive() == nil)
        #expect(driver.fixture.host.takePulses() == 1)
        #expect(try driver.queues[0].takeUsed().map(\.written) == frames.map { UInt32($0.count) })
        for (place, frame) in zip(places, frames) {
            #expect(try driver.memory.loadUInt16(at: GuestAddress(place + 10)) == 1)
            #expect(try driver.memory.read(frame.count - 12, at: GuestAddress(place + 12)) == Array(frame[12...]))
        }
        #expect(driver.wants() == [.attention, .frames])
    }

    /// A frame fills several buffers, whose number stands in the first, and which the driver sees all at once.
    @Test(arguments: [1, 2, 3, 17, 50]) func buffersAreMerged(_ count: Int) throws {
        let driver = try NetDriver()
        let places = try driver.addBuffers(60, of: 1500)
        let frame = NetDriver.frame(count * 1500 - 20)
        try driver.ports[0].put(frame)
        #expect(driver.receive() == nil)
        let used = try driver.queues[0].takeUsed()
        #expect(used.count == count && used.map { Int($0.written) }.reduce(0, +) == frame.count)
        #expect(try driver.memory.loadUInt16(at: GuestAddress(places[0] + 10)) == UInt16(count))
        let seen = try driver.memory.read(frame.count - 12, at: GuestAddress(places[0] + 12))
        #expect(seen == Array(frame[12...]))
    }

    /// After many short frames few buffers are taken ahead; a long one comes through whole all the same.
    @Test func longFramesAmongShortOnes() throws {
        let driver = try NetDriver()
        var received = 0
        for round in 0..<3 {
            for number in 0..<100 {
                let place = try driver.addBuffers(1, of: 1500)[0]
                let frame = NetDriver.frame(100, seed: round * 1000 + number)
                try driver.ports[0].put(frame)
                driver.receive()
                received += try driver.queues[0].takeUsed().count
                #expect(try driver.memory.read(100, at: GuestAddress(place + 12)) == Array(frame[12...]))
            }
            let places = try driver.addBuffers(45, of: 1500)
            let long = NetDriver.frame(65550, seed: round)
            try driver.ports[0].put(long)
            driver.receive()
            #expect(try driver.queues[0].takeUsed().count == 44)
            let seen = try driver.memory.read(65550, at: GuestAddress(places[0] + 12))
            #expect(seen == Array(long[12...]))
            try driver.ports[0].put(NetDriver.frame(60))
            driver.receive()
            #expect(try driver.queues[0].takeUsed().count == 1)
        }
        #expect(received == 300)
    }

    /// Without buffers nothing is taken from the port, and nobody waits for it.
    @Test func framesWaitForBuffers() throws {
        let driver = try NetDriver()
        let frame = NetDriver.frame(500)
        try driver.ports[0].put(frame)
        driver.receive()
        #expect(driver.wants() == .attention)
        let place = try driver.addBuffers(1, of: 1500)[0]
        #expect(try driver.queues[0].takeUsed().map(\.written) == [512])
        #expect(try driver.memory.read(500, at: GuestAddress(place + 12)) == Array(frame[12...]))
    }

    @Test func partOfAFrameWaitsForBuffers() throws {
        let driver = try NetDriver()
        let frame = NetDriver.frame(10_000)
        let places = try driver.addBuffers(2, of: 1500)
        try driver.ports[0].put(frame)
        driver.receive()
        #expect(try driver.queues[0].takeUsed().isEmpty)
        #expect(driver.wants() == .attention)
        try driver.addBuffers(3, of: 1500, at: 3000)
        #expect(try driver.queues[0].takeUsed().isEmpty)
        try driver.addBuffers(3, of: 1500, at: 7500)
        #expect(try driver.queues[0].takeUsed().count == 7)
        #expect(try driver.memory.read(10_000, at: GuestAddress(places[0] + 12)) == Array(frame[12...]))
        #expect(driver.wants() == [.attention, .frames])
    }

    /// A queue that can never hold a frame loses that one, and goes on with the next.
    @Test func frameThatIsTooLongForTheQueue() throws {
        let driver = try NetDriver(size: 4)
        try driver.addBuffers(4, of: 200)
        try driver.ports[0].put(NetDriver.frame(5000))
        try driver.ports[0].put(NetDriver.frame(100))
        driver.receive()
        driver.receive()
        #expect(try driver.queues[0].takeUsed().map(\.written) == [112])
    }

    /// Without merging a frame is in one chain, or lost.
    @Test func buffersThatAreNotMerged() throws {
        let driver = try NetDriver(features: VirtioFeature.version1)
        let place = NetDriver.data
        try driver.queues[0].add([.writable(place, 12), .writable(place + 100, 1000)])
        try driver.queues[0].publish()
        driver.fixture.transport.processQueue(0)
        let frame = NetDriver.frame(1000)
        try driver.ports[0].put(NetDriver.frame(1001))
        try driver.ports[0].put(frame)
        driver.receive()
        #expect(try driver.queues[0].takeUsed().map(\.written) == [1012])
        #expect(try driver.memory.loadUInt16(at: GuestAddress(place + 10)) == 1)
        #expect(try driver.memory.read(1000, at: GuestAddress(place + 100)) == Array(frame[12...]))
    }

    /// A port without room keeps the guest's frames waiting, in their order.
    @Test func portWithoutRoom() throws {
        let driver = try NetDriver()
        try driver.ports[0].shrink()
        for number in 0..<40 {
            let place = NetDriver.data + UInt64(number) * 128
            try driver.memory.write(NetDriver.frame(60, seed: number * 8), at: GuestAddress(place))
            try driver.send([.readable(place, 72)])
        }
        #expect(driver.processTransmit() == nil)
        #expect(driver.wants().contains(.room))
        var seen: [[UInt8]] = []
        for _ in 0..<40 {
            while let frame = driver.ports[0].take() { seen.append(frame) }
            driver.fixture.transport.withQueue(1) { (device, queue) throws(VirtqueueError) in
                try device.transmit(pair: 0, queue)
            }
        }
        #expect(seen == (0..<40).map { NetDriver.frame(60, seed: $0 * 8) })
        #expect(try driver.queues[1].takeUsed().count == 40)
        #expect(!driver.wants().contains(.room))
    }

    // MARK: Drivers that break rules

    @Test(
        arguments: [
            [], [.readable(NetDriver.data, 12)], [.readable(NetDriver.data, 25)], [.writable(NetDriver.data, 100)],
            [.readable(NetDriver.data, 65567)], [.readable(NetDriver.data, 12), .readable(NetDriver.hidden, 100)],
            [.readable(NetDriver.hidden, 1500)], [.readable(0x90_0000, 100)],
            [.readable(TestMemory.end - 50, 100)],
        ] as [[FakeDriver.Piece]])
    func badFramesNeedAReset(_ pieces: [FakeDriver.Piece]) throws {
        let driver = try NetDriver()
        if pieces.isEmpty {
            try driver.send([.readable(NetDriver.data, 0)])
        } else {
            try driver.send(pieces)
        }
        #expect(driver.processTransmit() != nil)
        #expect(driver.fixture.read(.status) & 64 != 0)
        #expect(driver.ports[0].take() == nil)
        #expect(driver.wants() == .attention)
        // A driver that begins anew is served again.
        driver.fixture.write(.status, 0)
        #expect(driver.wants() == [])
        for queue in driver.queues { _ = try queue.makeQueue() }
        driver.start()
        let second = FakeDriver(memory: driver.memory, setup: driver.queues[1].setup)
        try second.add([.readable(NetDriver.data, 60)])
        try second.publish()
        #expect(driver.processTransmit() == nil)
        #expect(driver.ports[0].take()?.count == 60)
    }

    @Test(
        arguments: [
            [.writable(NetDriver.data, 11)], [.readable(NetDriver.data, 2000)], [.writable(NetDriver.hidden, 2000)],
            [.writable(NetDriver.data, 12), .writable(NetDriver.hidden, 2000)], [.writable(0x90_0000, 2000)],
        ] as [[FakeDriver.Piece]])
    func badBuffersNeedAReset(_ pieces: [FakeDriver.Piece]) throws {
        let driver = try NetDriver()
        try driver.queues[0].add(pieces)
        try driver.queues[0].publish()
        let failure = driver.fixture.transport.processQueue(0)
        try driver.ports[0].put(NetDriver.frame(1000))
        #expect(failure != nil || driver.receive() != nil)
        #expect(driver.fixture.read(.status) & 64 != 0)
        #expect(driver.wants() == .attention)
    }

    /// The message names the memory.
    @Test func hiddenMemoryIsNamed() throws {
        let driver = try NetDriver()
        try driver.send([.readable(NetDriver.data, 12), .readable(NetDriver.hidden, 1500)])
        #expect(driver.processTransmit() == .memory(.inaccessible(GuestAddress(NetDriver.hidden), count: 1500)))
    }

    /// A port that nobody reads from would have its event loop spin.
    @Test func aDriverThatGivesUpIsLeftAlone() throws {
        let driver = try NetDriver()
        _ = try driver.addBuffers(4, of: 2000)
        driver.receive()
        #expect(driver.wants() == [.attention, .frames])
        driver.fixture.write(.status, 15 | 128)
        #expect(driver.wants() == .attention)
        driver.fixture.write(.status, 0)
        #expect(driver.wants() == [])
    }

    /// Whatever a driver puts into its queues, the device lives, and what it gives back was given to it.
    @Test(arguments: 0..<60) func randomChains(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let driver = try NetDriver(size: 16)
        for _ in 0..<200 {
            let index = Int.random(in: 0...2, using: &random)
            let queue = driver.queues[index]
            let pieces = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                let starts = [TestMemory.second - 100, TestMemory.end - 64, NetDriver.hidden, 0]
                let place = random.chance(20) ? starts[Int.random(in: 0...3, using: &random)] : NetDriver.data
                let count: UInt32 = .random(in: 0...(Bool.random(using: &random) ? 60 : 20_000), using: &random)
                return FakeDriver.Piece(
                    address: place, count: count,
                    writable: Int.random(in: 0..<20, using: &random) == 0 ? index != 0 : index == 0)
            }.sorted { !$0.writable && $1.writable }
            if try queue.add(pieces) != nil { try queue.publish() }
            if Bool.random(using: &random) {
                try? driver.ports[0].put(NetDriver.frame(.random(in: 14...60_000, using: &random)))
            }
            driver.fixture.transport.processQueue(index)
            driver.receive()
            while driver.ports[0].take() != nil {}
            for queue in driver.queues {
                for used in try queue.takeUsed() { #expect(used.head < 16) }
            }
            if driver.fixture.read(.status) & 64 != 0 {
                driver.fixture.write(.status, 0)
                return
            }
        }
    }
}
