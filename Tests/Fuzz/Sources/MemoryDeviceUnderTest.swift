import GuestMemory
import Virtio
import VirtioMem

/// A memory device and all around it, and what must hold for them after each step.
final class MemoryDeviceUnderTest {
    private let region: ElasticRegion
    private let transport: VirtioMMIOTransport<VirtioMemDevice>
    private let memory: FuzzMemory
    private let hostMemory: FuzzHostMemory
    private let slots = FuzzSlots()
    private var driver: RequestDriver
    private var model: MemoryDeviceModel
    /// Whether the host may refuse something by now, since it was told to.
    private var mayBeRefused = false

    init(
        _ device: sending VirtioMemDevice, region: ElasticRegion, host: FuzzHostMemory, model: MemoryDeviceModel,
        memory: FuzzMemory
    ) {
        self.region = region
        hostMemory = host
        self.model = model
        self.memory = memory
        region.connect(to: slots)
        let host = FuzzHost()
        transport = VirtioMMIOTransport(
            device: device, memory: memory.memory, interruptLine: host, notifier: host)
        driver = RequestDriver(transport: transport, memory: memory)
        driver.start()
    }

    func step(_ input: inout InputReader) {
        let operation = input.uint8()
        switch operation & 15 {
        case 0..<4: request(type: 0, blocksOf: &input, cut: operation)
        case 4, 5: request(type: 1, blocksOf: &input, cut: operation)
        case 6: request(type: 3, blocksOf: &input, cut: operation)
        case 7: send(type: 2, address: input.uint64(), count: input.uint16(), cut: operation)
        case 8: send(type: input.uint16(), address: input.uint64(), count: input.uint16(), cut: operation)
        case 9, 10: setRequestedSize(&input)
        case 11 where operation >= 0xf0: resetSystem()
        case 11: driver.start()
        case 12: maintain()
        case 13:
            slots.failNext(operation & 0x10 == 0 ? 0 : input.uint8())
            hostMemory.failNext(operation & 0x20 == 0 ? 0 : input.uint16())
            mayBeRefused = true
        default: touch(Int(input.uint8()))
        }
        check()
    }

    /// What must hold in the end.
    ///
    /// - Parameter inspects: whether the region is small enough to look at each of its pages.
    func finish(inspects: Bool) {
        slots.failNext(0)
        hostMemory.failNext(0)
        maintain()
        require(!mayBeRefused, "a host that refuses nothing leaves nothing to be done")
        if inspects {
            let problems = demand("inspection") { try region.inconsistencies() }
            require(problems.isEmpty, problems.joined(separator: "; "))
        }
    }

    // MARK: The driver

    private func request(type: UInt16, blocksOf input: inout InputReader, cut: UInt8) {
        let address = model.start + UInt64(input.uint8()) * model.blockSize
        send(type: type, address: address, count: UInt16(input.uint8()), cut: cut)
    }

    private func send(type: UInt16, address: UInt64, count: UInt16, cut: UInt8) {
        let generation = transport.read(offset: 0xfc, size: 4)
        let expected = model.answer(type: type, address, count)
        let answer = driver.send(
            type: type, address: address, count: count, padding: UInt64(cut) * 0x0101_0101_0101, cut: cut)
        if answer == .busy {
            require(expected == .acknowledge && type < 3, "only what is right can be refused by the host")
            require(mayBeRefused, "a host that refuses nothing is not busy")
            return
        }
        require(answer == expected, "request \(type) of \(count) at \(address) is answered \(expected): \(answer)")
        guard answer == .acknowledge, type < 3 else { return }
        require(transport.read(offset: 0xfc, size: 4) != generation, "the generation tells of what is plugged")
        let blocks = type == 2 ? 0..<model.blockCount : model.blocks(address, count) ?? 0..<0
        switch type {
        case 0:
            model.set(blocks, plugged: true)
            requireZero(block: blocks.lowerBound)
            requireZero(block: blocks.upperBound - 1)
        case 1:
            model.set(blocks, plugged: hasPlantedBug && blocks.count == 5)
        default:
            model.unplugEverything()
        }
        checkAccess(blocks.lowerBound)
        checkAccess(blocks.upperBound - 1)
        if !mayBeRefused {
            checkAccess(blocks.lowerBound - 1)
            checkAccess(blocks.upperBound)
        }
    }

    // MARK: The user and the machine

    private func setRequestedSize(_ input: inout InputReader) {
        let number = input.uint8()
        let size = number == 0xff ? input.uint64() : UInt64(number) * model.blockSize
        let isRight = size % model.blockSize == 0 && size <= model.regionSize
        let isDone = transport.withDevice { device in (try? device.setRequestedSize(size)) != nil }
        require(isDone == isRight, "a requested size is a number of blocks that the region has: \(size)")
        if isRight { model.setRequested(size) }
        transport.configurationChanged()
    }

    private func resetSystem() {
        // The virtual machine goes first, and a new one comes after.
        slots.forgetAll()
        hostMemory.whileResetting { transport.systemReset() }
        region.forgetSlots()
        region.connect(to: slots)
        model.unplugEverything()
        driver.start()
    }

    /// A host that refuses nothing has put everything right after this.
    private func maintain() {
        region.maintain()
        if region.needsMaintenance {
            require(mayBeRefused, "a host that refuses nothing leaves nothing to be done")
            return
        }
        // What was to fail has failed, or is given up: there is nothing left that is not as it should be.
        slots.failNext(0)
        hostMemory.failNext(0)
        mayBeRefused = false
        for slot in slots.live {
            require(model.pluggedRanges.contains { $0.overlaps(slot) }, "empty slots are removed")
        }
    }

    /// The guest, or a device for it, writes to a block.
    private func touch(_ block: Int) {
        let address = GuestAddress(model.start + UInt64(block) * model.blockSize)
        let isDone = (try? memory.memory.store(UInt64(block) + 1, at: address)) != nil
        require(isDone == model.isPlugged[block] || mayBeRefused, "plugged blocks can be written, others can't")
    }

    // MARK: Rules

    private func requireZero(block: Int) {
        for offset in [0, model.blockSize - 8] {
            let address = GuestAddress(model.start + UInt64(block) * model.blockSize + offset)
            require((try? memory.memory.loadUInt64(at: address)) == 0, "what was plugged reads as zero")
        }
    }

    private func checkAccess(_ block: Int) {
        guard block >= 0, block < model.blockCount else { return }
        let address = GuestAddress(model.start + UInt64(block) * model.blockSize)
        let isAccessible = (try? memory.memory.loadUInt8(at: address)) != nil
        require(isAccessible == model.isPlugged[block], "what is plugged is accessible, and nothing else")
    }

    private func check() {
        let fields = (0..<7).map { transport.read(offset: 0x100 + 8 * $0, size: 8) }
        require(
            fields == [
                model.blockSize, 0, model.start, model.regionSize, model.usable, model.pluggedSize, model.requested,
            ], "the configuration is that of the model: \(fields)")
        require(model.usable >= model.requested, "what is requested is usable")
        require(Array(region.pluggedRanges) == model.pluggedRanges, "the region knows what is plugged")
        require(region.pluggedSize == model.pluggedSize, "the region knows how much is plugged")
        let live = slots.live
        for range in model.pluggedRanges {
            var next = range.lowerBound
            while next < range.upperBound {
                guard let slot = live.first(where: { $0.contains(next) }) else {
                    require(false, "plugged blocks lie in live slots")
                    return
                }
                next = slot.upperBound
            }
        }
    }
}
