import CLinux
import Foundation
@testable import Host
import SystemPackage
import TestSupport
import Testing

/// Protection, discard and population of every kind of memory.
@Suite(.serialized) struct BackingTests {
    private static let block: UInt64 = 2 << 20

    init() {
        #expect(cl_install_fault_handlers() == 0)
    }

    private func write(_ value: UInt8, _ mapping: borrowing MemoryMapping, at offset: UInt64) {
        mapping.base.storeBytes(of: value, toByteOffset: Int(offset), as: UInt8.self)
    }

    private func byte(_ mapping: borrowing MemoryMapping, at offset: UInt64) -> UInt8 {
        mapping.base.load(fromByteOffset: Int(offset), as: UInt8.self)
    }

    /// Writes to each page of a part.
    private func fill(_ mapping: borrowing MemoryMapping, _ range: Range<UInt64>) {
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: 4096) {
            write(0x5a, mapping, at: offset)
        }
    }

    /// Bytes that the mapping's file takes up; 0 without one.
    private func fileBytes(_ mapping: borrowing MemoryMapping) throws -> UInt64 {
        guard let file = mapping.backing.file else { return 0 }
        return UInt64(try file.descriptor.stat().blocksAllocated) * 512
    }

    private func isReadable(_ mapping: borrowing MemoryMapping, at offset: UInt64) -> Bool {
        cl_guarded_load_u8(mapping.base + Int(offset)).faulted == 0
    }

    private func isWritable(_ mapping: borrowing MemoryMapping, at offset: UInt64) -> Bool {
        (try? mapping.touch(offset)) != nil
    }

    @Test(arguments: BackingKind.here) func whatIsDiscardedIsZeroAndGone(kind: BackingKind) throws {
        let mapping = try kind.map(4 * Self.block)
        fill(mapping, 0..<4 * Self.block)
        #expect(try mapping.residentSize(of: 0..<4 * Self.block) == 4 * Self.block)
        let before = try fileBytes(mapping)
        try mapping.discard(Self.block..<3 * Self.block)
        #expect(byte(mapping, at: 0) == 0x5a)
        #expect(byte(mapping, at: 3 * Self.block) == 0x5a)
        // Before anything of it is read, which would allocate.
        #expect(try mapping.residentSize(of: Self.block..<3 * Self.block) == 0)
        if mapping.backing.isShared {
            #expect(try before - fileBytes(mapping) >= 2 * Self.block)
        } else {
            #expect(SmapsEntry(of: mapping)["Private_Dirty"] <= 2 * Self.block)
        }
        for offset in stride(from: Self.block, to: 3 * Self.block, by: 4096) {
            #expect(byte(mapping, at: offset) == 0)
        }
    }

    @Test(arguments: BackingKind.here) func inaccessibleMemoryCanBeDiscarded(kind: BackingKind) throws {
        let mapping = try kind.map(2 * Self.block)
        fill(mapping, 0..<2 * Self.block)
        try mapping.protect(0..<2 * Self.block, .inaccessible)
        #expect(!isReadable(mapping, at: 0) && !isWritable(mapping, at: Self.block))
        try mapping.discard(0..<2 * Self.block)
        #expect(try fileBytes(mapping) == 0)
        try mapping.protect(0..<Self.block, .readWrite)
        #expect(byte(mapping, at: 0) == 0)
        #expect(isReadable(mapping, at: Self.block) == false)
    }

    @Test(arguments: BackingKind.here) func whatReadsAsZeroTakesNothing(kind: BackingKind) throws {
        let mapping = try kind.map(64 * Self.block, .inaccessible)
        try mapping.protect(0..<64 * Self.block, .zeroes)
        let free = HugePages.free
        for offset in stride(from: UInt64(0), to: 64 * Self.block, by: 4096) {
            #expect(isReadable(mapping, at: offset) == true)
        }
        #expect(byte(mapping, at: 12345) == 0)
        #expect(try fileBytes(mapping) == 0)
        // The page tables of zeroes are not counted here: they hold no page of the process.
        let smaps = SmapsEntry(of: mapping)
        #expect(smaps["Private_Dirty"] + smaps["Shared_Dirty"] + smaps["AnonHugePages"] + smaps["Private_Clean"] == 0)
        #expect(smaps["Private_Hugetlb"] + smaps["Shared_Hugetlb"] == 0 && HugePages.free == free)
        #expect(!isWritable(mapping, at: 0) && !isWritable(mapping, at: 63 * Self.block))
    }

    /// The neighbours of a part that changes between zeroes and memory keep what they have.
    @Test(arguments: BackingKind.here) func zeroesComeAndGo(kind: BackingKind) throws {
        let mapping = try kind.map(4 * Self.block, .zeroes)
        #expect(isReadable(mapping, at: 0) && !isWritable(mapping, at: 0))
        try mapping.protect(Self.block..<3 * Self.block, .readWrite)
        fill(mapping, Self.block..<3 * Self.block)
        // Again, over a part that is memory already: nothing is lost.
        try mapping.protect(0..<3 * Self.block, .readWrite)
        #expect(byte(mapping, at: Self.block) == 0x5a && isWritable(mapping, at: 0))
        try mapping.protect(Self.block..<2 * Self.block, .zeroes)
        try mapping.discard(Self.block..<2 * Self.block)
        #expect(byte(mapping, at: Self.block) == 0 && !isWritable(mapping, at: Self.block))
        #expect(byte(mapping, at: 2 * Self.block) == 0x5a)
        try mapping.protect(0..<2 * Self.block, .inaccessible)
        #expect(!isReadable(mapping, at: 0) && !isReadable(mapping, at: Self.block))
        #expect(byte(mapping, at: 2 * Self.block) == 0x5a && isReadable(mapping, at: 3 * Self.block))
        try mapping.protect(0..<4 * Self.block, .readWrite)
        #expect(byte(mapping, at: Self.block) == 0 && isWritable(mapping, at: 3 * Self.block))
        #expect(byte(mapping, at: 2 * Self.block) == 0x5a)
    }

    @Test(arguments: BackingKind.here) func populatedMemoryIsThere(kind: BackingKind) throws {
        let mapping = try kind.map(4 * Self.block)
        try mapping.populate(Self.block..<2 * Self.block)
        #expect(try mapping.residentSize(of: Self.block..<2 * Self.block) == Self.block)
        #expect(byte(mapping, at: Self.block) == 0)
        #expect(try mapping.residentSize(of: 2 * Self.block..<4 * Self.block) == 0)
    }

    @Test(arguments: BackingKind.here) func dumpsAndChildrenGetNothing(kind: BackingKind) throws {
        let mapping = try kind.map(4 * Self.block)
        try mapping.protect(0..<Self.block, .zeroes)
        try mapping.protect(Self.block..<2 * Self.block, .zeroes)
        try mapping.protect(Self.block..<2 * Self.block, .readWrite)
        let smaps = SmapsEntry(of: mapping)
        #expect(smaps.count >= 2)
        #expect(smaps.flags.count { $0 == "dd" } == smaps.count)
        #expect(smaps.flags.count { $0 == "dc" } == smaps.count)
    }

    @Test(arguments: BackingKind.small) func hugePagesAreAsAsked(kind: BackingKind) throws {
        for isOn in [true, false] {
            var backing = try kind.backing(size: Self.block)
            backing.transparentHugePages = isOn
            let mapping = try MemoryMapping(Self.block, backing, alignment: Self.block)
            let flags = SmapsEntry(of: mapping).flags
            #expect(flags.contains("hg") == isOn && flags.contains("nh") == !isOn)
        }
    }

    @Test func transparentHugePagesAreThereAndNot() throws {
        let enabled = KernelText.read("/sys/kernel/mm/transparent_hugepage/enabled") ?? "[never]"
        guard !enabled.contains("[never]") else { return }
        for (isOn, expected) in [(true, 4 * Self.block), (false, 0)] {
            let mapping = try MemoryMapping(
                4 * Self.block, MemoryBacking(transparentHugePages: isOn), alignment: Self.block)
            fill(mapping, 0..<4 * Self.block)
            #expect(SmapsEntry(of: mapping)["AnonHugePages"] == expected)
        }
    }

    /// Each kind can be mapped where no memory is, as long as nobody may touch it.
    @Test(arguments: [BackingKind.anonymous, .memfd, .privateMemfd])
    func regionsMayBeLargerThanTheHost(kind: BackingKind) throws {
        let mapping = try kind.map(16 << 40, .inaccessible)
        #expect(SmapsEntry(of: mapping).flags.contains("nr"))
        try mapping.protect(8 << 40..<8 << 40 + Self.block, .readWrite)
        #expect(isWritable(mapping, at: 8 << 40) == true)
        #expect(isReadable(mapping, at: 8 << 40 + Self.block) == false)
    }

    @Test func whatIsReservedIsAccountedFor() throws {
        let mapping = try MemoryMapping(
            4 * Self.block, MemoryBacking(reserve: true), alignment: Self.block, protection: .inaccessible)
        let smaps = SmapsEntry(of: mapping)
        #expect(smaps.flags.contains("ac") && !smaps.flags.contains("nr"))
        #expect(isReadable(mapping, at: 0) == false)
        #expect(throws: SystemCallError.self) {
            _ = try MemoryMapping(1 << 46, MemoryBacking(reserve: true), protection: .inaccessible)
        }
    }

    @Test func aReservedFileHasItsBlocks() throws {
        var backing = try BackingKind.tmpfs.backing(size: 4 * Self.block)
        backing.reserve = true
        let mapping = try MemoryMapping(4 * Self.block, backing, protection: .inaccessible)
        #expect(try fileBytes(mapping) == 4 * Self.block)
    }

    @Test func partsOfOneFileAreApart() throws {
        let file = try MemoryFile(inMemory: "test", size: 4 * Self.block)
        let low = try MemoryMapping(3 * Self.block, MemoryBacking(file: file, isShared: true))
        let high = try MemoryMapping(Self.block, MemoryBacking(file: file, fileOffset: 3 * Self.block, isShared: true))
        fill(low, 0..<3 * Self.block)
        #expect(byte(high, at: 0) == 0)
        write(1, high, at: 0)
        try low.discard(0..<3 * Self.block)
        #expect(byte(high, at: 0) == 1)
        try high.protect(0..<Self.block, .zeroes)
        try high.protect(0..<Self.block, .readWrite)
        #expect(byte(high, at: 0) == 1)
    }

    /// As many mappings as before, however often parts were protected in between: the host allows only so many.
    @Test(arguments: BackingKind.small) func partsAreJoinedAgain(kind: BackingKind) throws {
        let mapping = try kind.map(32 * Self.block, .inaccessible)
        try mapping.joinLaterParts()
        try mapping.protect(0..<32 * Self.block, .inaccessible)
        #expect(SmapsEntry(of: mapping, in: "maps").count == 1)
        for index in stride(from: 0, to: 32, by: 2) as StrideTo<UInt64> {
            try mapping.protect(index * Self.block..<(index + 1) * Self.block, .readWrite)
            write(1, mapping, at: index * Self.block)
        }
        #expect(SmapsEntry(of: mapping, in: "maps").count >= 32)
        for index in stride(from: 1, to: 32, by: 2) as StrideTo<UInt64> {
            try mapping.protect(index * Self.block..<(index + 1) * Self.block, .readWrite)
            write(1, mapping, at: index * Self.block)
        }
        #expect(SmapsEntry(of: mapping, in: "maps").count == 1)
    }

    private static let mayHaveHugePages =
        (try? String(contentsOfFile: "/sys/kernel/mm/transparent_hugepage/enabled", encoding: .utf8))
        .map { !$0.contains("[never]") } ?? false

    /// What lets parts be joined must not leave a page table behind.
    @Test(.enabled(if: mayHaveHugePages, "no transparent huge pages here"))
    func theFirstBlockCanBeAHugePage() throws {
        let mapping = try BackingKind.anonymous.map(4 * Self.block, .inaccessible)
        try mapping.joinLaterParts()
        try mapping.protect(0..<4 * Self.block, .inaccessible)
        for block in 0..<2 as Range<UInt64> {
            try mapping.protect(block * Self.block..<(block + 1) * Self.block, .readWrite)
            write(1, mapping, at: block * Self.block)
            #expect(SmapsEntry(of: mapping)["AnonHugePages"] == (block + 1) * Self.block)
        }
    }

    /// Where this is skipped, so are the huge pages of all other tests.
    @Test(.enabled(if: HugePages.free >= 8, "no huge pages here: sudo sysctl vm.nr_hugepages=80"))
    func thePoolGetsItsPagesBack() throws {
        let before = HugePages.free
        for kind in [BackingKind.hugePages, .privateHugePages] {
            let mapping = try kind.map(4 * Self.block)
            #expect(HugePages.free == before)
            try mapping.populate(0..<4 * Self.block)
            #expect(HugePages.free == before - 4)
            try mapping.discard(Self.block..<3 * Self.block)
            #expect(HugePages.free == before - 2)
            try mapping.protect(0..<Self.block, .inaccessible)
            try mapping.discard(0..<Self.block)
            #expect(HugePages.free == before - 1)
        }
        #expect(HugePages.free == before)
        var backing = try BackingKind.hugePages.backing(size: 4 * Self.block)
        backing.reserve = true
        let reserved = try MemoryMapping(4 * Self.block, backing, protection: .inaccessible)
        #expect(HugePages.count("resv_hugepages") >= 4)
        try reserved.protect(0..<Self.block, .readWrite)
        try reserved.touch(0)
    }
}
