import GuestMemory
import TestSupport
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// Random drivers, from a seed: whatever they do, nothing traps and everything ends.
@Suite struct FuzzTests {
    /// A number that is more interesting than others.
    private static func address(_ random: inout SeededGenerator) -> UInt64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: UInt64.random(in: 0...UInt64.max, using: &random)
        case 1: UInt64.max - UInt64.random(in: 0..<64, using: &random)
        case 2: TestMemory.end - UInt64.random(in: 0..<64, using: &random)
        case 3: TestMemory.second - UInt64.random(in: 0..<64, using: &random)
        default: UInt64.random(in: 0x18_0000..<0x18_4000, using: &random)
        }
    }

    private static func length(_ random: inout SeededGenerator) -> UInt32 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: UInt32.random(in: 0...UInt32.max, using: &random)
        case 1: 0
        default: 16 * UInt32.random(in: 0..<8, using: &random)
        }
    }

    private static func writeRandomDescriptor(_ driver: FakeDriver, in table: UInt64, _ random: inout SeededGenerator)
        throws
    {
        let flags =
            random.chance(16)
            ? UInt16.random(in: 0...UInt16.max, using: &random)
            : [0, 0, 1, 1, 2, 3, 4, 4][Int.random(in: 0..<8, using: &random)]
        let next =
            random.chance(16)
            ? UInt16.random(in: 0...UInt16.max, using: &random) : UInt16.random(in: 0..<16, using: &random)
        let index = UInt16.random(in: 0..<16, using: &random)
        try driver.write(in: table, index, address(&random), length(&random), .init(rawValue: flags), next: next)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func randomRingsNeitherTrapNorLoop(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let memory = try TestMemory.make()
        // Descriptor tables of other requests may lie where this one's buffers are, and some of it is unplugged.
        try memory.regions[0].mapping.protect(0x8_2000..<0x8_3000, .inaccessible)
        var errors = 0
        var completed = 0
        for _ in 0..<500 {
            let features = UInt64.random(in: 0..<4, using: &random) << 28
            let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 16), features: features)
            let queue = try driver.makeQueue()
            var device = RecordingDevice()
            for _ in 0..<Int.random(in: 1..<8, using: &random) {
                for _ in 0..<Int.random(in: 0..<12, using: &random) {
                    try Self.writeRandomDescriptor(driver, in: driver.setup.descriptorTable, &random)
                    try Self.writeRandomDescriptor(
                        driver, in: 0x18_0000 + 16 * UInt64.random(in: 0..<64, using: &random), &random)
                }
                for _ in 0..<Int.random(in: 0..<4, using: &random) {
                    try driver.offer(UInt16.random(in: 0..<(random.chance(8) ? .max : 16), using: &random))
                }
                if random.chance(32) { driver.pending = UInt16.random(in: 0...UInt16.max, using: &random) }
                try driver.setAvailableFlags(UInt16.random(in: 0...UInt16.max, using: &random))
                try driver.setUsedEvent(UInt16.random(in: 0...UInt16.max, using: &random))
                try driver.publish()
                queue.beginTurn()
                do {
                    try device.process(queue: 0, queue)
                    _ = try queue.needsInterrupt()
                } catch {
                    errors += 1
                    break
                }
            }
            completed += device.completed
        }
        #expect(errors > 100)
        #expect(completed > 100)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func randomRegisterAccessesDoNotTrap(seed: UInt64) throws {
        var random = SeededGenerator(seed: 1000 + seed)
        let fixture = try TransportFixture()
        var activations = 0
        for _ in 0..<4000 {
            let offset =
                random.chance(8)
                ? UInt64.random(in: 0...UInt64.max, using: &random) : 4 * UInt64.random(in: 0..<66, using: &random)
            let size = random.chance(8) ? [1, 2, 8].randomElement(using: &random) ?? 1 : 4
            switch Int.random(in: 0..<8, using: &random) {
            case 0:
                _ = fixture.transport.read(offset: offset, size: size)
            case 1, 2:
                let value = UInt64.random(in: 0...UInt64.max, using: &random)
                fixture.transport.write(offset: offset, size: size, value: value)
            case 3:
                fixture.transport.write(offset: offset, size: size, value: UInt64.random(in: 0..<16, using: &random))
            case 4:
                fixture.setUp(
                    QueueSetup(
                        size: UInt16.random(in: 0..<10, using: &random), descriptorTable: Self.address(&random) & ~15,
                        availableRing: Self.address(&random) & ~1, usedRing: Self.address(&random) & ~3),
                    queue: UInt32.random(in: 0..<3, using: &random))
            case 5:
                fixture.transport.processQueue(Int.random(in: -1..<4, using: &random))
            case 6:
                if random.chance(4) { fixture.write(.status, 0) }
                fixture.negotiate(VirtioFeature.version1 | UInt64.random(in: 0..<8, using: &random) << 27)
                fixture.write(.status, 15)
            default:
                random.chance(8) ? fixture.transport.systemReset() : fixture.transport.configurationChanged()
            }
            _ = fixture.host.takeNotifications()
        }
        activations = fixture.events.count
        #expect(activations > 100)
    }

    /// An honest driver gets all of its requests back, answered, whatever it negotiates and however it cuts them.
    @Test(arguments: 0..<12 as Range<UInt64>)
    func everyRequestOfAnHonestDriverIsCompleted(seed: UInt64) throws {
        var random = SeededGenerator(seed: 2000 + seed)
        let features = VirtioFeature.version1 | (seed & 1) << 28 | (seed >> 1 & 1) << 29
        let fixture = try TransportFixture()
        let size: UInt16 = [1, 2, 8][Int(seed / 4)]
        let driver = try fixture.start(features: features, size: size)
        /// Where each request's answer is, and what it should be.
        var open: [UInt32: (address: UInt64, bytes: [UInt8])] = [:]
        var sent = 0
        var done = 0
        let goal = seed == 2 ? 70000 : 2000
        while done < goal {
            // Requests, as many as fit.
            for _ in 0..<Int.random(in: 0..<6, using: &random) {
                guard
                    let slot = (0..<8 as Range<UInt64>).first(where: { slot in
                        !open.values.contains { $0.address == 0x18_0000 + 0x1000 * slot }
                    })
                else { break }
                let at = 0x18_0000 + 0x1000 * slot
                let bytes = (0..<Int.random(in: 1..<40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                try fixture.memory.write(bytes, at: GuestAddress(at + 0x800))
                let limit = Int(size)
                let parts = Int.random(in: 1...max(1, limit - 1), using: &random)
                // A queue of one descriptor has room for what is read only.
                let pieces =
                    limit == 1
                    ? [.readable(at + 0x800, UInt32(bytes.count))]
                    : Self.cut(at + 0x800, bytes.count, parts, &random) + [.writable(at, UInt32(bytes.count))]
                let indirect = features & VirtioFeature.indirectDescriptors != 0 && random.chance(2)
                let after = indirect ? Int.random(in: 0..<pieces.count, using: &random) : nil
                guard let head = try driver.add(pieces, indirectAfter: after, table: at + 0xc00) else { break }
                open[UInt32(head)] = (at, limit == 1 ? [] : bytes.reversed())
                sent += 1
            }
            if usesEvent(features) {
                try driver.setUsedEvent(driver.seen &+ UInt16.random(in: 0..<2, using: &random))
            } else {
                try driver.setAvailableFlags(random.chance(4) ? 1 : 0)
            }
            if try driver.publish() { fixture.write(.queueNotify, 0) }
            for index in fixture.host.takeNotifications() { #expect(fixture.transport.processQueue(index) == nil) }
            if fixture.host.takePulses() > 0 { fixture.write(.interruptAcknowledge, fixture.read(.interruptStatus)) }
            for used in try driver.takeUsed() {
                let request = open.removeValue(forKey: used.head)
                let (address, bytes) = try #require(request)
                #expect(Int(used.written) == bytes.count)
                #expect(try fixture.memory.read(bytes.count, at: GuestAddress(address)) == bytes)
                done += 1
            }
            try #require(open.isEmpty, "the device is done with all that it was told about")
        }
        #expect(done == sent)
    }

    private func usesEvent(_ features: UInt64) -> Bool { features & VirtioFeature.eventIndex != 0 }

    /// Cuts bytes into readable pieces, some of them empty.
    private static func cut(_ address: UInt64, _ count: Int, _ parts: Int, _ random: inout SeededGenerator)
        -> [FakeDriver.Piece]
    {
        let inner = (1..<parts).map { _ in Int.random(in: 0...count, using: &random) }.sorted()
        return zip([0] + inner, inner + [count]).map { .readable(address + UInt64($0), UInt32($1 - $0)) }
    }
}
