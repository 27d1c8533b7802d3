import Host
import SystemPackage
import TestSupport
import Testing

@testable import GuestMemory

@Suite struct ElasticRegionTests {
    private static let start: UInt64 = 0x1_0000_0000
    private static let mebibyte: UInt64 = 1 << 20
    private let slots = FakeMemorySlots()
    private let region: ElasticRegion
    private let memory: GuestMemory

    /// 512 MiB in blocks of 2 MiB, so four slots.
    init() throws {
        try GuestMemory.installProcessHandlers()
        region = try ElasticRegion(
            GuestMemoryRegion(name: "vm0", start: GuestAddress(Self.start), size: 512 * Self.mebibyte),
            blockSize: 2 * Self.mebibyte)
        region.connect(to: slots)
        memory = GuestMemory(regions: [region.memory])
    }

    private func address(ofBlock block: Int) -> GuestAddress {
        GuestAddress(Self.start + UInt64(block) * region.blockSize)
    }

    @Test func startsInaccessibleAndWithoutSlots() {
        #expect(region.pluggedSize == 0)
        #expect(region.blockCount == 256)
        #expect(slots.live.isEmpty)
        #expect(!region.needsMaintenance)
        for block in [0, 1, 255] {
            #expect(throws: GuestMemoryError.self) { try memory.loadUInt8(at: address(ofBlock: block)) }
        }
    }

    @Test func pluggedBlocksAreAccessibleToTheBlock() throws {
        try region.plug(10..<12)
        #expect(region.pluggedSize == 4 * Self.mebibyte)
        #expect(slots.ranges == [0..<128 * Self.mebibyte])
        try memory.store(UInt64(1), at: address(ofBlock: 10))
        try memory.store(UInt64(2), at: GuestAddress(address(ofBlock: 12).rawValue - 8))
        #expect(throws: GuestMemoryError.self) { try memory.store(UInt8(1), at: address(ofBlock: 12)) }
        #expect(throws: GuestMemoryError.self) {
            try memory.store(UInt8(1), at: GuestAddress(address(ofBlock: 10).rawValue - 1))
        }
    }

    @Test func aPlugAcrossSlotsMakesBothLive() throws {
        try region.plug(63..<65)
        #expect(slots.ranges == [0..<128 * Self.mebibyte, 128 * Self.mebibyte..<256 * Self.mebibyte])
        #expect(Array(region.pluggedRanges) == [126 * Self.mebibyte..<130 * Self.mebibyte])
    }

    @Test func unpluggedBlocksAreGoneAtOnceAndReadAsZeroWhenPluggedAgain() throws {
        try region.plug(0..<4)
        try memory.store(UInt64(42), at: address(ofBlock: 2))
        try region.unplug(2..<3)
        #expect(region.pluggedSize == 6 * Self.mebibyte)
        #expect(throws: GuestMemoryError.self) { try memory.loadUInt64(at: address(ofBlock: 2)) }
        #expect(try memory.loadUInt64(at: address(ofBlock: 3)) == 0)
        try region.plug(2..<3)
        #expect(try memory.loadUInt64(at: address(ofBlock: 2)) == 0)
    }

    @Test func emptySlotsStayUntilMaintenance() throws {
        try region.plug(0..<128)
        try region.unplug(0..<64)
        #expect(slots.live.count == 2)
        #expect(region.needsMaintenance)
        region.maintain()
        #expect(slots.ranges == [128 * Self.mebibyte..<256 * Self.mebibyte])
        #expect(!region.needsMaintenance)
    }

    @Test func aSlotThatCannotBeMadeUndoesThePlug() throws {
        slots.failure = .exhausted(limit: 7)
        #expect(throws: ElasticRegionError.slot(.exhausted(limit: 7))) { try region.plug(0..<1) }
        #expect(region.pluggedSize == 0)
        #expect(throws: GuestMemoryError.self) { try memory.loadUInt8(at: address(ofBlock: 0)) }
        slots.failure = nil
        try region.plug(0..<1)
        #expect(try memory.loadUInt8(at: address(ofBlock: 0)) == 0)
    }

    @Test func aSlotThatCannotBeRemovedIsTriedAgain() throws {
        try region.plug(0..<1)
        try region.unplug(0..<1)
        slots.failure = .call(SystemCallError("KVM_SET_USER_MEMORY_REGION", .noMemory))
        region.maintain()
        #expect(region.needsMaintenance)
        slots.failure = nil
        region.maintain()
        #expect(slots.live.isEmpty)
        #expect(!region.needsMaintenance)
    }

    @Test func unplugAllLeavesNothing() throws {
        try region.plug(0..<1)
        try region.plug(100..<200)
        try memory.store(UInt64(42), at: address(ofBlock: 150))
        try region.unplugAll()
        #expect(region.pluggedSize == 0)
        #expect(Array(region.pluggedRanges).isEmpty)
        #expect(throws: GuestMemoryError.self) { try memory.loadUInt8(at: address(ofBlock: 150)) }
        region.maintain()
        #expect(slots.live.isEmpty)
        try region.plug(150..<151)
        #expect(try memory.loadUInt64(at: address(ofBlock: 150)) == 0)
    }

    @Test func aGuestCannotUseUpTheMappingsOfTheProcess() throws {
        let budget = MappingBudget(limit: 20)
        let small = try ElasticRegion(
            GuestMemoryRegion(name: "small", start: GuestAddress(1 << 40), size: 512 * Self.mebibyte),
            blockSize: 2 * Self.mebibyte, budget: budget)
        small.connect(to: slots)
        for block in 0..<10 {
            try small.plug(2 * block..<2 * block + 1)
        }
        #expect(throws: ElasticRegionError.tooFragmented) { try small.plug(20..<21) }
        #expect(small.pluggedSize == 20 * Self.mebibyte)
        // Filling a gap joins two runs, and leaves room for another one; splitting one up needs room too.
        try small.plug(1..<2)
        try small.plug(20..<21)
        #expect(throws: ElasticRegionError.tooFragmented) { try small.unplug(1..<2) }
        try small.unplugAll()
        for block in 0..<10 {
            try small.plug(2 * block..<2 * block + 1)
        }
    }

    /// Sixteen of them, between 128 MiB and 1 GiB.
    @Test(arguments: [(region: 1, slot: 128), (2, 128), (3, 256), (8, 512), (16, 1024), (32, 1024), (4096, 1024)])
    func slotsFitTheRegion(_ sizes: (region: UInt64, slot: UInt64)) throws {
        let region = try ElasticRegion(
            GuestMemoryRegion(name: "vm0", start: GuestAddress(1 << 42), size: sizes.region << 30),
            blockSize: 2 * Self.mebibyte)
        #expect(region.slotSize == sizes.slot << 20)
    }

    @Test func largeRegionsHaveLargerSlotsNotMoreOfThem() throws {
        let large = try ElasticRegion(
            GuestMemoryRegion(name: "large", start: GuestAddress(1 << 40), size: 4 << 40),
            blockSize: 2 * Self.mebibyte)
        #expect(large.slotSize == 1 << 30)
        large.connect(to: slots)
        try large.plug(0..<1)
        #expect(slots.ranges == [0..<1 << 30])
    }

    /// What the host's KVM leaves for the region decides, where that is less than a region of its size would have.
    @Test(arguments: [(slots: 4096, gibibytes: 1), (1024, 4), (1000, 8), (1, 4096)])
    func fewSlotsAreLargerSlots(_ limit: (slots: Int, gibibytes: UInt64)) throws {
        let region = try ElasticRegion(
            GuestMemoryRegion(name: "large", start: GuestAddress(1 << 42), size: 4 << 40),
            blockSize: 2 * Self.mebibyte, slotLimit: limit.slots)
        #expect(region.slotSize == limit.gibibytes << 30)
    }

    @Test func aMemoryMapWithoutPlugsIsASingleMapping() throws {
        // Every other block plugged splits the mapping up; all plugged must join it again.
        let before = try mappings()
        for block in stride(from: 0, to: 256, by: 2) {
            try region.plug(block..<block + 1)
        }
        #expect(try mappings() >= before + 250)
        for block in stride(from: 0, to: 256, by: 2) {
            try memory.store(UInt8(1), at: address(ofBlock: block))
            try region.plug(block + 1..<block + 2)
            try memory.store(UInt8(1), at: address(ofBlock: block + 1))
        }
        #expect(try mappings() <= before + 8)
    }

    /// How many mappings lie in the region's host addresses.
    private func mappings() throws -> Int {
        let base = UInt64(UInt(bitPattern: region.memory.mapping.base))
        let file = try FileDescriptor.open("/proc/self/maps", .readOnly)
        defer { try? file.close() }
        var text: [UInt8] = []
        while case .bytes(let bytes) = try ByteStream.read(file) {
            text += bytes
        }
        return text.split(separator: UInt8(ascii: "\n")).count { line in
            let start = String(decoding: line.prefix { $0 != UInt8(ascii: "-") }, as: UTF8.self)
            guard let address = UInt64(start, radix: 16) else { return false }
            return address >= base && address < base + region.memory.size
        }
    }
}
