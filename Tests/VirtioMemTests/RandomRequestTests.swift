import GuestMemory
import Host
import Testing

@testable import VirtioMem

/// A driver that asks for anything, against a model that knows no more than the specification.
@Suite struct RandomRequestTests {
    /// What the device should know.
    private struct Model {
        static let blockSize: UInt64 = 128 << 20
        static let blockCount: UInt64 = 64

        var plugged: Set<UInt64> = []
        var requested: UInt64 = 0
        var usable: UInt64 = 2 << 30

        var pluggedSize: UInt64 { UInt64(plugged.count) * Self.blockSize }

        static func usable(for requested: UInt64) -> UInt64 {
            min((requested + (256 << 20) + (2 << 30) - 1) / (2 << 30) * (2 << 30), blockCount * blockSize)
        }

        /// The blocks of a range that is right.
        func blocks(_ address: UInt64, _ count: UInt16) -> Range<UInt64>? {
            guard address >= MemoryDeviceFixture.start, count > 0 else { return nil }
            let offset = address - MemoryDeviceFixture.start
            guard offset % Self.blockSize == 0 else { return nil }
            let first = offset / Self.blockSize
            guard first + UInt64(count) <= usable / Self.blockSize else { return nil }
            return first..<first + UInt64(count)
        }
    }

    private struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        /// An address that is right most of the time, and else anywhere.
        mutating func address() -> UInt64 {
            switch next() % 12 {
            case 0: next()
            case 1: MemoryDeviceFixture.start &- (next() % 3) * Model.blockSize
            case 2: MemoryDeviceFixture.start + next() % Model.blockSize
            case 3: 0 &- (next() % 3) * Model.blockSize
            default: MemoryDeviceFixture.start + next() % (Model.blockCount + 2) * Model.blockSize
            }
        }

        mutating func count() -> UInt16 {
            switch next() % 10 {
            case 0: 0
            case 1: UInt16(truncatingIfNeeded: next())
            default: UInt16(1 + next() % 6)
            }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func theDeviceAgreesWithTheModel(seed: UInt64) throws {
        var random = Generator(state: seed)
        var model = Model()
        let device = try MemoryDeviceFixture(
            region: Model.blockCount * Model.blockSize, blockSize: Model.blockSize, requested: 0)
        for step in 0..<600 {
            try takeStep(device, &model, &random)
            let comment: Comment = "seed \(seed), step \(step)"
            #expect(device.pluggedSize == model.pluggedSize, comment)
            #expect(device.requestedSize == model.requested, comment)
            #expect(device.usableSize == model.usable, comment)
            let block = random.next() % Model.blockCount
            #expect(device.isAccessible(block: block) == model.plugged.contains(block), comment)
            if model.plugged.contains(block) {
                let offset = block * Model.blockSize
                #expect(device.slots.live.values.contains { $0.contains(offset) }, comment)
            }
        }
    }

    private func takeStep(_ device: MemoryDeviceFixture, _ model: inout Model, _ random: inout Generator) throws {
        let (address, count) = (random.address(), random.count())
        let blocks = model.blocks(address, count)
        switch random.next() % 24 {
        case 0..<8:
            let expected = try expectedPlug(blocks, &model, device)
            #expect(try device.plug(address, count) == expected)
        case 8..<14:
            let answer = try device.unplug(address, count)
            if let blocks, blocks.allSatisfy(model.plugged.contains) {
                #expect(answer == .acknowledge)
                model.plugged.subtract(blocks)
            } else {
                #expect(answer == .error)
            }
        case 14..<18:
            let plugged = blocks?.count { model.plugged.contains($0) }
            let expected: MemoryDeviceFixture.Answer =
                plugged == nil ? .error : plugged == 0 ? .unplugged : plugged == blocks?.count ? .plugged : .mixed
            #expect(try device.state(address, count) == expected)
        case 18:
            #expect(try device.unplugAll() == .acknowledge)
            model.plugged = []
            model.usable = Model.usable(for: model.requested)
        case 19, 20:
            model.requested = random.next() % (Model.blockCount + 1) * Model.blockSize
            model.usable = max(model.usable, Model.usable(for: model.requested))
            try device.setRequestedSize(model.requested)
        case 21:
            device.slots.failure = device.slots.failure == nil ? .exhausted(limit: 1) : nil
        case 22:
            try device.resetByDriver()
        default:
            device.transport.withDevice { $0.region.maintain() }
            if random.next() % 4 == 0 {
                try device.resetSystem()
                model.plugged = []
                model.usable = Model.usable(for: model.requested)
            }
        }
    }

    /// What a PLUG should be answered; the model has the blocks then.
    private func expectedPlug(
        _ blocks: Range<UInt64>?, _ model: inout Model, _ device: MemoryDeviceFixture
    ) throws -> MemoryDeviceFixture.Answer {
        guard let blocks, !blocks.contains(where: model.plugged.contains) else { return .error }
        guard model.pluggedSize + UInt64(blocks.count) * Model.blockSize <= model.requested else {
            return .negativeAcknowledge
        }
        // A slot of 128 MiB for each block, unless it is live still.
        let needsSlot = blocks.contains { block in
            !device.slots.live.values.contains { $0.contains(block * Model.blockSize) }
        }
        guard device.slots.failure == nil || !needsSlot else { return .busy }
        model.plugged.formUnion(blocks)
        return .acknowledge
    }
}
