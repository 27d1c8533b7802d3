import GuestMemory
import Host
import TestSupport
import Testing
import Virtio

@testable import VirtioMem
@testable import VirtioTestSupport

/// The device and a model of it are asked the same: a million requests, right ones and wrong ones, with resets, new
/// sizes and a host that fails in between. They give the same answers and have the same state all along.
@Suite struct ModelTests {
    @Test(arguments: 0..<8 as Range<UInt64>)
    func theDeviceAgreesWithTheModel(seed: UInt64) throws {
        try run(seed: seed, steps: 125_000, onPaper: true)
    }

    @Test(arguments: 100..<104 as Range<UInt64>)
    func theDeviceAgreesWithTheModelOnMemoryOfThisHost(seed: UInt64) throws {
        try run(seed: seed, steps: 1000, onPaper: false)
    }

    /// Stops at the first difference: what follows from it says nothing.
    private func run(seed: UInt64, steps: Int, onPaper: Bool) throws {
        let pair = try DeviceAndModel(seed: seed, onPaper: onPaper)
        for step in 0..<steps {
            if let difference = try pair.takeStep() {
                Issue.record("seed \(seed), step \(step): \(difference)")
                return
            }
        }
        #expect(pair.answers[0...3].allSatisfy { $0 > steps / 500 }, "each answer was given: \(pair.answers)")
    }
}

/// A device, its model, and the random requests for both.
private final class DeviceAndModel {
    private static let blockSize: UInt64 = 2 << 20
    private static let blockCount = 256
    private static let slotSize: UInt64 = 32 << 20

    private let driver: RequestDriver
    private let transport: VirtioMMIOTransport<VirtioMemDevice>
    private let slots = FakeMemorySlots()
    private let paper: PaperHost?
    private var model: DeviceModel
    private var random: SeededGenerator
    /// Blocks that the host would not take back.
    private var leftovers: Set<Int> = []
    /// How often each type of answer was given.
    private(set) var answers = [0, 0, 0, 0]

    init(seed: UInt64, onPaper: Bool) throws {
        random = SeededGenerator(seed: seed)
        model = DeviceModel(
            start: MemoryDeviceFixture.start, blockSize: Self.blockSize, blockCount: Self.blockCount)
        driver = try RequestDriver()
        let size = UInt64(Self.blockCount) * Self.blockSize
        let memory = try GuestMemoryRegion(name: "vm0", start: GuestAddress(model.start), size: size)
        paper = onPaper ? PaperHost(size: size, blockSize: Self.blockSize) : nil
        let region = try ElasticRegion(
            memory, blockSize: Self.blockSize, slotSize: Self.slotSize, host: paper)
        let host = RecordingHost()
        transport = VirtioMMIOTransport(
            device: try VirtioMemDevice(region: region, requestedSize: 0, node: nil),
            memory: GuestMemory(regions: driver.memory.regions + [memory]), interruptLine: host, notifier: host)
        transport.withDevice { [slots] in $0.region.connect(to: slots) }
        start()
        model.usableSize = field(32)
    }

    /// - Returns: how the device and its model differ now; nil when they do not.
    func takeStep() throws -> String? {
        let usable = field(32)
        let (address, count) = (self.address(), self.count())
        var difference: String?
        var mayShrink = false
        switch random.next() % 64 {
        case 0..<22: difference = try plug(address, count)
        case 22..<38: difference = try unplug(address, count)
        case 38..<50:
            difference = try compare("STATE", address, count, type: 3, model.state(address, count))
        case 50:
            difference = try unplugAll(address, count)
            mayShrink = true
        case 51: difference = try compare("unknown", address, count, type: UInt16(4 + random.next() % 60000), .error)
        case 52..<56:
            model.requestedSize = random.next() % UInt64(Self.blockCount + 1) * Self.blockSize
            let size = model.requestedSize
            try transport.withDevice { (device) throws(VirtioMemError) in try device.setRequestedSize(size) }
        case 56, 57: slots.failure = slots.failure == nil ? .exhausted(limit: 1) : nil
        case 58: paper?.failsNextProtect = true
        case 59: paper?.failsDiscard.toggle()
        case 60: try resetByDriver()
        case 61: difference = try breakChain()
        case 62: maintain()
        default:
            if random.next() % 8 == 0 {
                try resetSystem()
                mayShrink = true
            }
        }
        return difference ?? compareState(usableBefore: usable, mayShrink: mayShrink)
    }

    // MARK: Requests

    private func plug(_ address: UInt64, _ count: UInt16) throws -> String? {
        let protectFails = paper?.failsNextProtect ?? false
        let discardFails = paper?.failsDiscard ?? false
        let live = slots.live.values
        let slotsFail = slots.failure != nil
        var leftovers = leftovers
        let expected = model.plug(address, count) { blocks in
            let overlaps = !leftovers.isDisjoint(with: blocks)
            if overlaps && discardFails { return true }
            leftovers.subtract(blocks)
            let needsSlot = blocks.contains { block in
                !live.contains { $0.contains(UInt64(block) * Self.blockSize) }
            }
            let isBusy = protectFails || slotsFail && needsSlot
            if isBusy && discardFails { leftovers.formUnion(blocks) }
            return isBusy
        }
        self.leftovers = leftovers
        return try compare("PLUG", address, count, type: 0, expected)
    }

    private func unplug(_ address: UInt64, _ count: UInt16) throws -> String? {
        let blocks = model.blocks(address, count)
        let expected = model.unplug(address, count, isBusy: paper?.failsNextProtect ?? false)
        if expected == .acknowledge, paper?.failsDiscard ?? false, let blocks { leftovers.formUnion(blocks) }
        return try compare("UNPLUG", address, count, type: 1, expected)
    }

    private func unplugAll(_ address: UInt64, _ count: UInt16) throws -> String? {
        if paper?.failsDiscard ?? false, !(paper?.failsNextProtect ?? false) {
            leftovers.formUnion(model.isPlugged.indices.filter { model.isPlugged[$0] })
        }
        let expected = model.unplugAll(isBusy: paper?.failsNextProtect ?? false)
        return try compare("UNPLUG_ALL", address, count, type: 2, expected)
    }

    private func compare(
        _ name: String, _ address: UInt64, _ count: UInt16, type: UInt16, _ expected: DeviceModel.Answer
    ) throws -> String? {
        let bytes = RequestDriver.request(
            type: type, address: address, blockCount: count, padding: UInt8(truncatingIfNeeded: random.next()))
        try driver.send(bytes, cut: cut(24), responseCut: cut(10))
        if let failure = transport.processQueue(0) { return "\(name): \(failure)" }
        let (response, written) = try driver.response()
        let answer = DeviceModel.Answer(
            type: UInt16(response[0]) | UInt16(response[1]) << 8, state: UInt16(response[8]) | UInt16(response[9]) << 8)
        guard written == 10, Int(answer.type) < answers.count else { return "\(name): \(response), \(written)" }
        answers[Int(answer.type)] += 1
        return answer == expected
            ? nil : "\(name) \(String(address, radix: 16)) \(count): \(answer) instead of \(expected)"
    }

    /// A chain without room for the answer: the device needs a reset, and nothing has happened.
    private func breakChain() throws -> String? {
        let type = UInt16(random.next() % 4)
        try driver.send(
            RequestDriver.request(type: type, address: model.start, blockCount: 1),
            responseCut: [UInt32(random.next() % 10)])
        guard transport.processQueue(0) != nil, register(0x70) & 0x40 != 0 else { return "it takes broken chains" }
        try resetByDriver()
        return nil
    }

    private func maintain() {
        transport.withDevice { $0.region.maintain() }
        if !(paper?.failsDiscard ?? false) { leftovers = [] }
    }

    private func resetSystem() throws {
        // The machine takes its slots with it.
        paper?.failsNextProtect = false
        if paper?.failsDiscard ?? false {
            leftovers.formUnion(model.isPlugged.indices.filter { model.isPlugged[$0] })
        }
        transport.systemReset()
        _ = model.unplugAll(isBusy: false)
        try driver.forget()
        start()
    }

    private func resetByDriver() throws {
        setRegister(0x70, 0)
        try driver.forget()
        start()
    }

    // MARK: State

    private func compareState(usableBefore: UInt64, mayShrink: Bool) -> String? {
        let usable = field(32)
        if field(40) != model.pluggedSize { return "plugged \(field(40)), not \(model.pluggedSize)" }
        if field(48) != model.requestedSize { return "requested \(field(48)), not \(model.requestedSize)" }
        if usable < model.requestedSize || usable > field(24) || usable % Self.blockSize != 0 {
            return "usable \(usable)"
        }
        if usable < usableBefore && !mayShrink { return "usable \(usable) after \(usableBefore)" }
        model.usableSize = usable
        if random.next() % 512 == 0 {
            for block in 0..<Self.blockCount
            where (transport.withDevice { $0.region.pluggedBlocks(in: block..<block + 1) } == 1)
                != model.isPlugged[block]
            {
                return "block \(block)"
            }
            let problems = transport.withDevice { (try? $0.region.inconsistencies()) ?? ["the host does not tell"] }
            if !problems.isEmpty { return problems.joined(separator: "; ") }
        }
        return nil
    }

    // MARK: Numbers

    /// An address that is right most of the time, and else anywhere.
    private func address() -> UInt64 {
        switch random.next() % 24 {
        case 0: random.next()
        case 1: model.start &- (random.next() % 3) * Self.blockSize
        case 2: model.start + random.next() % Self.blockSize
        case 3: 0 &- (random.next() % 3) * Self.blockSize
        default: model.start + random.next() % UInt64(Self.blockCount + 2) * Self.blockSize
        }
    }

    private func count() -> UInt16 {
        switch random.next() % 16 {
        case 0: 0
        case 1: UInt16(truncatingIfNeeded: random.next())
        case 2: UInt16(1 + random.next() % 64)
        default: UInt16(1 + random.next() % 3)
        }
    }

    /// A number of bytes as the sizes of one to three descriptors.
    private func cut(_ count: UInt32) -> [UInt32] {
        guard random.next() % 4 == 0 else { return [count] }
        let first = UInt32(1 + random.next() % UInt64(count - 2))
        let second = UInt32(1 + random.next() % UInt64(count - first - 1))
        return [first, second, count - first - second]
    }

    // MARK: Registers

    private func field(_ offset: UInt64) -> UInt64 { transport.read(offset: 0x100 + offset, size: 8) }

    private func register(_ offset: UInt64) -> UInt64 { transport.read(offset: offset, size: 4) }

    private func setRegister(_ offset: UInt64, _ value: UInt64) {
        transport.write(offset: offset, size: 4, value: value)
    }

    private func start() {
        for (offset, value) in RequestDriver.startSequence {
            setRegister(offset, value)
        }
    }
}
