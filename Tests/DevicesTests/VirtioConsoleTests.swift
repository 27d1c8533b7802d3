import Devices
import GuestMemory
import Synchronization
import TestSupport
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// The console device (virtio specification, 5.3).
struct VirtioConsoleTests {
    private static let text = Array("The quick brown fox\n".utf8)
    private static let free = TestMemory.free

    private static func pattern(_ count: Int, seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 + seed) * 7 + ($0 + seed) >> 8) }
    }

    @Test func itIsAConsole() throws {
        let console = try ConsoleFixture()
        #expect(console.fixture.read(.deviceID) == 3)
        #expect(console.fixture.offeredFeatures & 7 == 4, "emergency writes alone")
        #expect((0..<4).allSatisfy { console.transport.read(offset: 0x100 + 4 * $0, size: 4) == 0 })
    }

    // MARK: Output

    @Test func outputComesInOrder() throws {
        let console = try ConsoleFixture()
        try console.memory.write(Self.text, at: GuestAddress(Self.free))
        try console.output.add([.readable(Self.free, 4), .readable(Self.free + 4, 0), .readable(Self.free + 4, 16)])
        try console.output.add([.readable(Self.free, 3)])
        try console.output.publish()
        #expect(console.take() == Self.text + Self.text.prefix(3))
        #expect(try console.output.takeUsed().map(\.written) == [0, 0])
        #expect(console.fixture.host.takePulses() > 0)
        #expect(console.take() == [])
    }

    @Test func buffersWithoutOutputComeBack() throws {
        let console = try ConsoleFixture()
        try console.output.add([.readable(Self.free, 0)])
        try console.output.add([.writable(Self.free, 100)])
        try console.output.publish()
        #expect(console.take() == [])
        #expect(try console.output.takeUsed().map(\.written) == [0, 0])
    }

    /// The guest has to wait for its reader, with its buffer.
    @Test func outputThatNobodyTakesKeepsItsBuffer() throws {
        let console = try ConsoleFixture()
        let bytes = Self.pattern(60_000)
        try console.write(bytes)
        console.transport.processQueue(1)
        console.transport.processQueue(1)
        #expect(try console.output.takeUsed().isEmpty)
        var taken = console.take(10_000)
        #expect(taken.count == 10_000)
        while case let more = console.take(), !more.isEmpty {
            // However much there is, it is taken in pieces.
            #expect(more.count <= 1 << 14)
            taken += more
        }
        let isIntact = taken == bytes
        #expect(isIntact)
        #expect(try console.output.takeUsed().count == 1)
    }

    @Test func theLongestChainTakesNoMoreMemoryThanAShortOne() throws {
        let console = try ConsoleFixture()
        // All of the memory eight times over.
        let all = FakeDriver.Piece.readable(TestMemory.start, UInt32(TestMemory.end - TestMemory.start))
        try console.output.add(Array(repeating: all, count: 8))
        try console.output.publish()
        var count = 0
        while case let bytes = console.take(), !bytes.isEmpty { count += bytes.count }
        #expect(count == Int(8 * (TestMemory.end - TestMemory.start)))
        #expect(try console.output.takeUsed().count == 1)
    }

    @Test func aDriverThatBeginsAnewIsServedFromTheStart() throws {
        let console = try ConsoleFixture()
        try console.write(Self.pattern(60_000))
        #expect(console.take(100).count == 100)
        try console.start()
        // What was said before the reset has been said.
        #expect(console.take().count == (1 << 14) - 100)
        try console.write(Self.text)
        #expect(console.take() == Self.text)
        #expect(try console.output.takeUsed().count == 1)
    }

    @Test func aQueueThatIsMadeAnewIsReadFromTheStart() throws {
        let console = try ConsoleFixture()
        try console.write(Self.pattern(60_000))
        _ = console.take()
        console.fixture.write(.queueReady, 0)
        _ = try console.output.makeQueue()
        console.fixture.setUp(console.output.setup, queue: 1)
        let driver = FakeDriver(memory: console.memory, setup: console.output.setup)
        _ = console.take()
        try console.memory.write(Self.text, at: GuestAddress(Self.free))
        try driver.add([.readable(Self.free, UInt32(Self.text.count))])
        try driver.publish()
        #expect(console.take() == Self.text)
        #expect(console.transport.failure == nil)
    }

    // MARK: Input

    @Test func inputFillsBuffers() throws {
        let console = try ConsoleFixture()
        let addresses = [Self.free, Self.free + 0x1000, Self.free + 0x2000]
        for address in addresses { try console.input.add([.writable(address, 8)]) }
        try console.input.publish()
        #expect(console.give(Self.text) == 20)
        #expect(try console.received(from: addresses) == Self.text)
        #expect(console.fixture.host.takePulses() > 0)
    }

    @Test func inputWaitsForBuffers() throws {
        let console = try ConsoleFixture()
        #expect(console.give(Self.text) == 20)
        try console.input.add([.writable(Self.free, 1), .writable(Self.free + 1, 4)])
        #expect(try console.input.publish(), "the device wants to hear of it")
        console.transport.processQueue(0)
        #expect(try console.received(from: [Self.free]) == Array(Self.text.prefix(5)))
        try console.input.add([.writable(Self.free, 4096)])
        try console.input.publish()
        console.transport.processQueue(0)
        #expect(try console.received(from: [Self.free]) == Array(Self.text.dropFirst(5)))
    }

    @Test func moreInputThanThereIsRoomForIsRefused() throws {
        let console = try ConsoleFixture()
        let bytes = Self.pattern(10_000)
        let first = console.give(bytes)
        #expect(first == 4096)
        #expect(console.give(Array(bytes.dropFirst(first))) == 0)
        try console.input.add([.writable(Self.free, 3000)])
        try console.input.publish()
        console.transport.processQueue(0)
        #expect(try console.received(from: [Self.free]) == Array(bytes.prefix(3000)))
        #expect(console.give(Array(bytes.dropFirst(first))) == 3000)
    }

    @Test func buffersWithoutRoomComeBackEmpty() throws {
        let console = try ConsoleFixture()
        try console.input.add([.readable(Self.free, 10)])
        try console.input.add([.writable(Self.free, 10)])
        try console.input.publish()
        #expect(console.give(Self.text) == 20)
        #expect(try console.input.takeUsed().map(\.written) == [0, 10])
    }

    @Test func inputOutlivesADriver() throws {
        let console = try ConsoleFixture()
        #expect(console.give(Self.text) == 20)
        try console.start()
        try console.input.add([.writable(Self.free, 64)])
        try console.input.publish()
        console.transport.processQueue(0)
        #expect(try console.received(from: [Self.free]) == Self.text)
    }

    // MARK: Memory that is not there

    @Test(arguments: [0, 1]) func memoryThatIsNotThereIsTheDriversMistake(_ queue: Int) throws {
        let console = try ConsoleFixture()
        let driver = queue == 0 ? console.input : console.output
        let address = TestMemory.end - 32
        try driver.add([queue == 0 ? .writable(address, 64) : .readable(address, 64)])
        try driver.publish()
        _ = console.transport.withDevice { $0.receive(Self.text[...]) }
        #expect(console.transport.processQueue(queue) == .memory(.unmapped(GuestAddress(address), count: 64)))
        #expect(console.fixture.read(.status) & 64 != 0)
        try console.start()
        try console.write(Self.text, at: Self.free)
        #expect(console.take() == Self.text)
    }

    @Test(arguments: [0, 1]) func memoryThatIsUnpluggedIsTheDriversMistake(_ queue: Int) throws {
        try GuestMemory.installProcessHandlers()
        let memory = try UnpluggedMemory()
        let console = try ConsoleFixture(memory: memory.memory)
        let driver = queue == 0 ? console.input : console.output
        try driver.add([
            queue == 0 ? .writable(UnpluggedMemory.start, 20) : .readable(UnpluggedMemory.start, 20)
        ])
        try driver.publish()
        _ = console.transport.withDevice { $0.receive(Self.text[...]) }
        let failure = console.transport.processQueue(queue)
        #expect(failure == .memory(.inaccessible(GuestAddress(UnpluggedMemory.start), count: 20)))
        #expect(console.fixture.read(.status) & 64 != 0)
    }

    // MARK: The configuration space

    @Test func emergencyWritesNeedNoQueue() throws {
        let count = Atomic<Int>(0)
        let device = VirtioConsole(onEmergency: { count.add(1, ordering: .relaxed) })
        let fixture = try DeviceFixture(device)
        for byte in Self.text { fixture.transport.write(offset: 0x108, size: 4, value: UInt64(byte)) }
        // What is not the register is ignored.
        for offset in [0x100, 0x104, 0x109, 0x10C] as [UInt64] {
            fixture.transport.write(offset: offset, size: 4, value: 33)
        }
        let output = fixture.transport.withDevice { device in
            var bytes: [UInt8] = []
            device.takeOutput(upTo: .max, appendingTo: &bytes)
            return bytes
        }
        #expect(output == Self.text && count.load(ordering: .relaxed) == 20)
        for _ in 0..<100_000 { fixture.transport.write(offset: 0x108, size: 4, value: 46) }
        let more = fixture.transport.withDevice { device in
            var bytes: [UInt8] = []
            device.takeOutput(upTo: .max, appendingTo: &bytes)
            return bytes.count
        }
        #expect(more == 1 << 14, "there is a limit")
    }

    @Test func aTerminalHasASize() throws {
        let console = try ConsoleFixture(VirtioConsole(size: .init(columns: 80, rows: 25)), features: 1)
        #expect(console.fixture.offeredFeatures & 7 == 5)
        #expect(console.transport.read(offset: 0x100, size: 2) == 80)
        #expect(console.transport.read(offset: 0x102, size: 2) == 25)
        #expect(console.transport.read(offset: 0x103, size: 1) == 0)
        let generation = console.fixture.read(.configurationGeneration)
        let isChanged = console.transport.withDevice { device in
            [device.setSize(.init(columns: 80, rows: 25)), device.setSize(.init(columns: 1000, rows: 500))]
        }
        #expect(isChanged == [false, true])
        #expect(console.transport.read(offset: 0x100, size: 4) == 1000 | 500 << 16)
        #expect(console.fixture.read(.configurationGeneration) != generation)
        let plain = try ConsoleFixture()
        #expect(!plain.transport.withDevice { $0.setSize(.init(columns: 80, rows: 25)) })
    }

    // MARK: Both ways at once

    /// Whatever is cut how, the bytes are those that were sent, in their order.
    @Test(arguments: 0..<20) func bytesKeepTheirOrder(_ seed: UInt64) throws {
        let console = try ConsoleFixture()
        var random = SeededGenerator(seed: seed)
        var (written, taken): ([UInt8], [UInt8]) = ([], [])
        var (given, received): ([UInt8], [UInt8]) = ([], [])
        var buffers: [UInt64] = []
        for _ in 0..<400 {
            switch random.next() % 5 {
            case 0 where !console.output.free.isEmpty:
                let bytes = Self.pattern(Int(random.next() % 20_000), seed: written.count)
                // Each has a place of its own: the device may read it much later.
                let place = 0x18_0000 + UInt64(console.output.free.last ?? 0) * 0x5000
                try console.write(bytes, at: place)
                written += bytes
            case 1 where console.input.free.count > 1:
                let place = 0x16_0000 + UInt64(console.input.free.last ?? 0) * 0x1000
                let count = UInt32(random.next() % 2000)
                try console.input.add([
                    .writable(place, count / 2), .writable(place + UInt64(count / 2), count - count / 2),
                ])
                try console.input.publish()
                buffers.append(place)
                console.transport.processQueue(0)
            case 2:
                let bytes = Self.pattern(Int(random.next() % 3000), seed: given.count)
                given += bytes.prefix(console.give(bytes))
            case 3: taken += console.take(Int(random.next() % 30_000))
            default: _ = try console.output.takeUsed()
            }
            let before = try console.input.usedIndex &- console.input.seen
            received += try console.received(from: buffers)
            buffers.removeFirst(Int(before))
        }
        while case let more = console.take(), !more.isEmpty { taken += more }
        let areEqual = taken == written && received == Array(given.prefix(received.count))
        #expect(areEqual && given.count - received.count <= 4096)
    }
}
