import Glibc
import Host
import SystemPackage
import TestSupport
import Testing

@testable import GuestMemory

/// Elastic regions over every kind of memory: what they believe is what the host has.
@Suite(.serialized) struct ElasticBackingTests {
    enum Kind: CaseIterable {
        case anonymous, memfd, privateMemfd, disk, hugePages

        func region(size: UInt64) throws -> GuestMemoryRegion {
            let file: MemoryFile? =
                switch self {
                case .anonymous: nil
                case .memfd, .privateMemfd: try MemoryFile(inMemory: "test", size: size)
                case .disk: try MemoryFile(MemoryFile.open("/var/tmp"), size: size)
                case .hugePages: try MemoryFile(inMemory: "test", size: size, hugePageSize: 2 << 20)
                }
            return try GuestMemoryRegion(
                name: "vm0", start: GuestAddress(4 << 30), size: size,
                backing: MemoryBacking(file: file, isShared: self != .anonymous && self != .privateMemfd),
                protection: .inaccessible)
        }

        static let here = allCases.filter { kind in
            let path: FilePath = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
            return kind != .hugePages || (KernelText.number(path) ?? 0) >= 40
        }
    }

    init() throws {
        try GuestMemory.installProcessHandlers()
    }

    @Test(arguments: Kind.here, [0, 16 << 20] as [UInt64])
    func regionAndHostAgree(kind: Kind, readable: UInt64) throws {
        let blockSize: UInt64 = 2 << 20
        let slots = FakeMemorySlots()
        let region = try ElasticRegion(
            kind.region(size: 64 << 20), blockSize: blockSize, slotSize: 8 << 20, populates: true)
        region.connect(to: slots)
        let memory = GuestMemory(regions: [region.memory])
        try region.setReadableWhenUnplugged(readable)
        var random = SeededGenerator(seed: 7)
        for _ in 0..<60 {
            let first = Int.random(in: 0..<region.blockCount, using: &random)
            let blocks = first..<min(first + .random(in: 1...4, using: &random), region.blockCount)
            let addresses = blocks.map { GuestAddress((4 << 30) + UInt64($0) * blockSize) }
            switch region.pluggedBlocks(in: blocks) {
            case 0:
                try region.plug(blocks)
                for address in addresses {
                    #expect(try memory.loadUInt64(at: address) == 0)
                    try memory.store(UInt64(0x5a), at: address)
                }
            case blocks.count:
                for address in addresses {
                    #expect(try memory.loadUInt64(at: address) == 0x5a)
                }
                try region.unplug(blocks)
                for address in addresses {
                    #expect(throws: GuestMemoryError.self) { try memory.store(UInt64(1), at: address) }
                }
            default: break
            }
            #expect(try region.inconsistencies() == [])
        }
        #expect(region.pluggedSize > 0)
        try region.unplugAll()
        try region.setReadableWhenUnplugged(0)
        #expect(region.undiscardedSize == 0)
        #expect(try region.memory.residentSize(of: 0..<region.memory.size) == 0)
        #expect(try region.inconsistencies() == [])
    }

    @Test(
        .enabled(
            if: KernelText.number("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") != nil,
            "a kernel without huge pages"))
    func mappingsOfHugePagesAreTakenForGood() throws {
        let budget = MappingBudget(limit: 40)
        do {
            let region = try ElasticRegion(Kind.hugePages.region(size: 64 << 20), blockSize: 2 << 20, budget: budget)
            #expect(region.blockCount == 32)
            let error = #expect(throws: SystemCallError.self) {
                _ = try ElasticRegion(Kind.hugePages.region(size: 64 << 20), blockSize: 2 << 20, budget: budget)
            }
            #expect(error?.subject.contains("give a larger block-size") == true)
            // What joins needs none.
            _ = try ElasticRegion(Kind.memfd.region(size: 64 << 20), blockSize: 2 << 20, budget: budget)
        }
        _ = try ElasticRegion(Kind.hugePages.region(size: 64 << 20), blockSize: 2 << 20, budget: budget)
        #expect(budget.take(40))
    }
}
