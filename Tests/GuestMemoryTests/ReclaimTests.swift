import Host
import SystemPackage
import TestSupport
import Testing

@testable import GuestMemory

/// What a guest gives back of memory that it has.
@Suite struct ReclaimTests {
    private static let start: UInt64 = 1 << 32
    private static let block: UInt64 = 2 << 20
    private static let page = hostPageSize

    private let slots = FakeMemorySlots()

    init() throws {
        try GuestMemory.installProcessHandlers()
    }

    private func makeRegion(populates: Bool = false, host: (any HostMemory)? = nil) throws -> ElasticRegion {
        let memory = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(Self.start), size: 16 * Self.block,
            backing: MemoryBacking(transparentHugePages: false), protection: .inaccessible)
        let region = try ElasticRegion(
            memory, blockSize: Self.block, slotSize: 4 * Self.block, populates: populates, host: host)
        region.connect(to: slots)
        return region
    }

    private func fill(_ region: ElasticRegion, _ blocks: Range<Int>) throws {
        let memory = GuestMemory(regions: [region.memory])
        try memory.fill(
            at: GuestAddress(Self.start + UInt64(blocks.lowerBound) * Self.block),
            count: UInt64(blocks.count) * Self.block, with: 0x5A)
    }

    @Test func pagesOfPluggedBlocksGoBackAndStayPlugged() throws {
        let region = try makeRegion()
        try region.plug(2..<4)
        try fill(region, 2..<4)
        let range = 2 * Self.block + Self.page..<3 * Self.block + 5 * Self.page
        try region.reclaim(range)
        #expect(try region.memory.residentSize(of: range) == 0)
        #expect(
            try region.memory.residentSize(of: 0..<region.memory.size)
                == 2 * Self.block - (range.upperBound - range.lowerBound))
        #expect(region.pluggedSize == 2 * Self.block)
        #expect(try region.inconsistencies() == [])
        let memory = GuestMemory(regions: [region.memory])
        #expect(try memory.loadUInt8(at: GuestAddress(Self.start + range.lowerBound)) == 0)
        #expect(try memory.loadUInt8(at: GuestAddress(Self.start + range.lowerBound - 1)) == 0x5A)
        try memory.store(UInt8(1), at: GuestAddress(Self.start + range.lowerBound))
    }

    /// Whatever is named, no call to the host is about an unplugged block.
    @Test func unpluggedBlocksAreNotTouched() throws {
        var random = SeededGenerator(seed: 3)
        let memory = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(Self.start), size: 16 * Self.block, protection: .inaccessible)
        let host = WatchedHost(memory)
        let region = try ElasticRegion(memory, blockSize: Self.block, slotSize: 4 * Self.block, host: host)
        region.connect(to: slots)
        for block in [0, 1, 4, 7, 8, 9, 15] { try region.plug(block..<block + 1) }
        for _ in 0..<500 {
            let bounds = (0..<2).map { _ in random.next() % (16 * Self.block / Self.page + 1) * Self.page }.sorted()
            let range = bounds[0]..<bounds[1]
            host.discarded = []
            try region.reclaim(range)
            let expected = region.pluggedRanges.map { $0.clamped(to: range) }.filter { !$0.isEmpty }
            #expect(host.discarded == expected)
        }
        #expect(try region.inconsistencies() == [])
    }

    @Test func populatedMemoryStaysSo() throws {
        let region = try makeRegion(populates: true)
        try region.plug(0..<2)
        try region.reclaim(0..<2 * Self.block)
        #expect(try region.memory.residentSize(of: 0..<2 * Self.block) == 2 * Self.block)
    }

    @Test func theHostMayRefuse() throws {
        let memory = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(Self.start), size: 16 * Self.block, protection: .inaccessible)
        let host = FaultyHost(memory)
        let region = try ElasticRegion(memory, blockSize: Self.block, slotSize: 4 * Self.block, host: host)
        region.connect(to: slots)
        try region.plug(0..<1)
        host.fault = FaultyHost.Fault(calls: host.calls..<host.calls + 1, errno: .noMemory)
        #expect(throws: SystemCallError("madvise", .noMemory)) { try region.reclaim(0..<Self.block) }
        #expect(region.pluggedSize == Self.block)
        #expect(try region.inconsistencies() == [])
    }

    /// The regions of a guest: ranges are cut at their edges, and to whole pages.
    @Test func rangesAreCutToRegionsAndPages() throws {
        let low = try KeptPart(start: 0x10_0000, size: 0x1_0000)
        let next = try KeptPart(start: 0x11_0000, size: 0x1_0000)
        let far = try KeptPart(start: 0x20_0000, size: 0x1_0000)
        let memory = ReclaimableMemory([far, low, next])
        func reclaim(_ range: Range<UInt64>) throws -> [[Range<UInt64>]] {
            try memory.reclaim(range)
            return [low, next, far].map { $0.take() }
        }
        #expect(try reclaim(0..<0x10_0000) == [[], [], []])
        #expect(try reclaim(0x10_F000..<0x11_2000) == [[0xF000..<0x1_0000], [0..<0x2000], []])
        #expect(
            try reclaim(0..<0xFFFF_FFFF_FFFF_FFFF)
                == [[0..<0x1_0000], [0..<0x1_0000], [0..<0x1_0000]])
        #expect(try reclaim(0x20_0001..<0x20_2FFF) == [[], [], [0x1000..<0x2000]])
        #expect(try reclaim(0x20_0001..<0x20_1FFF) == [[], [], []])
        #expect(memory.extent(at: 0x10_F000, count: 0x8000).map { [$0.count, $0.pageSize] } == [0x1000, 0x1000])
        #expect(memory.extent(at: 0x12_0000, count: 0x1000) == nil)
        #expect(memory.extent(at: 0x20_FFFF, count: 1).map { [$0.count, $0.pageSize] } == [1, 0x1000])
        // What one of them refuses, the others are asked all the same.
        next.refuses = true
        #expect(throws: SystemCallError("test", .noMemory)) { try memory.reclaim(0x10_0000..<0x30_0000) }
        #expect([low, next, far].map { $0.take() } == [[0..<0x1_0000], [], [0..<0x1_0000]])
    }
}

/// A region's host, which keeps what is discarded.
private final class WatchedHost: HostMemory, @unchecked Sendable {
    // Sendable: the test uses it on one thread.
    private let region: GuestMemoryRegion
    var discarded: [Range<UInt64>] = []

    init(_ region: GuestMemoryRegion) {
        self.region = region
    }

    func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        try region.protect(range, protection)
    }

    func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        discarded.append(range)
        try region.discard(range)
    }

    func populate(_ range: Range<UInt64>) throws(SystemCallError) { try region.populate(range) }

    func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        try region.protections(of: range)
    }

    func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        try region.residentSize(of: range)
    }
}

/// A part that keeps what it is asked.
private final class KeptPart: ReclaimablePart, @unchecked Sendable {
    // Sendable: the test uses it on one thread.
    let memory: GuestMemoryRegion
    var refuses = false
    private var ranges: [Range<UInt64>] = []

    init(start: UInt64, size: UInt64) throws {
        memory = try GuestMemoryRegion(name: "ram", start: GuestAddress(start), size: size)
    }

    func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
        if refuses { throw SystemCallError("test", .noMemory) }
        ranges.append(range)
    }

    func take() -> [Range<UInt64>] {
        defer { ranges = [] }
        return ranges
    }
}
