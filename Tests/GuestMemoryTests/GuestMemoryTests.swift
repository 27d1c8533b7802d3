import GuestMemory
import Host
import Testing

@Suite struct GuestMemoryTests {
    /// 64 KiB at 1 MiB and 64 KiB right behind it, then a hole, then 4 KiB at 4 GiB.
    private let memory: GuestMemory

    init() throws {
        try GuestMemory.installProcessHandlers()
        memory = GuestMemory(regions: [
            try GuestMemoryRegion(name: "high", start: GuestAddress(0x1_0000_0000), size: 0x1000),
            try GuestMemoryRegion(name: "ram", start: GuestAddress(0x10_0000), size: 0x1_0000),
            try GuestMemoryRegion(name: "next", start: GuestAddress(0x11_0000), size: 0x1_0000),
        ])
    }

    @Test func hostAddressesAreCongruentToGuestAddresses() {
        for region in memory.regions {
            let host = UInt64(UInt(bitPattern: region.mapping.base))
            #expect(host % GuestMemoryRegion.alignment == region.start.rawValue % GuestMemoryRegion.alignment)
        }
    }

    @Test func scalarsRoundTripAtEveryWidth() throws {
        let address = GuestAddress(0x10_0ff8)
        try memory.store(UInt64(0x1122_3344_5566_7788), at: address)
        #expect(try memory.loadUInt64(at: address) == 0x1122_3344_5566_7788)
        #expect(try memory.loadUInt32(at: address) == 0x5566_7788)
        #expect(try memory.loadUInt16(at: address) == 0x7788)
        #expect(try memory.loadUInt8(at: address) == 0x88)
        try memory.store(UInt8(1), at: address)
        try memory.store(UInt16(2), at: GuestAddress(0x10_0ffa))
        try memory.store(UInt32(3), at: GuestAddress(0x10_0ffc))
        #expect(try memory.loadUInt64(at: address) == 0x0000_0003_0002_7701)
    }

    @Test func copiesCrossFromOneRegionIntoTheNext() throws {
        let bytes = (0..<100).map { UInt8($0) }
        try memory.write(bytes, at: GuestAddress(0x10_ffce))
        #expect(try memory.read(100, at: GuestAddress(0x10_ffce)) == bytes)
        #expect(try memory.loadUInt8(at: GuestAddress(0x11_0000)) == 50)
        try memory.fill(at: GuestAddress(0x10_ffff), count: 2, with: 0xaa)
        #expect(try memory.read(4, at: GuestAddress(0x10_fffe)) == [48, 0xaa, 0xaa, 51])
    }

    private static let outside: [(UInt64, UInt64)] = [
        (0, 1), (0xf_ffff, 2), (0x11_ffff, 2), (0x12_0000, 1), (0x1_0000_0ff9, 8), (.max, 1), (.max - 3, 8),
        (0x1_0000_0000, UInt64(Int.max)),
    ]

    @Test(arguments: outside)
    func accessOutsideOfTheRegionsIsAnError(address: UInt64, count: UInt64) throws {
        let expected = GuestMemoryError.unmapped(GuestAddress(address), count: count)
        #expect(throws: expected) { try memory.fill(at: GuestAddress(address), count: count) }
        #expect(throws: expected) { try memory.slice(at: GuestAddress(address), count: count) }
        #expect(!memory.contains(GuestAddress(address), count: count))
    }

    @Test func aSliceChecksItsOffsets() throws {
        let slice = try memory.slice(at: GuestAddress(0x10_0000), count: 10)
        #expect(try slice.loadUInt16(at: 8) == 0)
        for offset in [9, 10, UInt64.max, UInt64.max - 1] {
            #expect(throws: GuestMemoryError.self) { try slice.loadUInt16(at: offset) }
            #expect(throws: GuestMemoryError.self) { try slice.store(UInt16(1), at: offset) }
        }
    }

    @Test func inaccessibleMemoryIsAnErrorAndAccessibleAgainWorks() throws {
        let region = memory.regions[0]
        let address = GuestAddress(0x10_1000)
        try region.mapping.protect(0x1000..<0x2000, .inaccessible)
        let slice = try memory.slice(at: address, count: 8)
        #expect(throws: GuestMemoryError.inaccessible(address, count: 1)) { try slice.loadUInt8(at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 2)) { try slice.loadUInt16(at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 4)) { try slice.loadUInt32(at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 8)) { try slice.loadUInt64(at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 1)) { try slice.store(UInt8(1), at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 2)) { try slice.store(UInt16(1), at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 4)) { try slice.store(UInt32(1), at: 0) }
        #expect(throws: GuestMemoryError.inaccessible(address, count: 8)) { try slice.store(UInt64(1), at: 0) }
        let before = GuestAddress(0x10_0ff0)
        #expect(throws: GuestMemoryError.inaccessible(before, count: 32)) {
            try memory.write([UInt8](repeating: 7, count: 32), at: before)
        }
        #expect(throws: GuestMemoryError.inaccessible(before, count: 32)) { try memory.read(32, at: before) }
        #expect(throws: GuestMemoryError.inaccessible(before, count: 32)) { try memory.fill(at: before, count: 32) }

        try region.mapping.protect(0x1000..<0x2000, .readWrite)
        try memory.store(UInt64(42), at: address)
        #expect(try memory.loadUInt64(at: address) == 42)
    }

    @Test func discardedMemoryReadsAsZero() throws {
        try memory.store(UInt64(42), at: GuestAddress(0x10_2000))
        try memory.regions[0].mapping.discard(0x2000..<0x3000)
        #expect(try memory.loadUInt64(at: GuestAddress(0x10_2000)) == 0)
    }
}
