import CLinux
import Glibc
import Host
import SystemPackage
import Testing

@Suite struct MemoryMappingTests {
    private static let mebibyte: UInt64 = 1 << 20

    init() {
        // `touch` needs them.
        #expect(cl_install_fault_handlers() == 0)
    }

    private func isMapped(_ address: UInt64) -> Bool {
        var residence: UInt8 = 0
        return mincore(UnsafeMutableRawPointer(bitPattern: UInt(address)), 1, &residence) == 0
    }

    /// How many of the pages have memory behind them.
    private func residentPages(_ mapping: borrowing MemoryMapping) -> Int {
        var residence = [UInt8](repeating: 0, count: Int(mapping.size / hostPageSize))
        #expect(mincore(mapping.base, Int(mapping.size), &residence) == 0)
        return residence.count { $0 & 1 == 1 }
    }

    @Test(arguments: [0, 4096, 0x1234_5000, 3 << 30] as [UInt64])
    func theBaseIsCongruent(offset: UInt64) throws {
        for alignment in [4096, 2 << 20, 1 << 30] as [UInt64] {
            let mapping = try MemoryMapping(anonymous: 8192, alignment: alignment, congruentTo: offset)
            #expect(UInt64(UInt(bitPattern: mapping.base)) % alignment == offset % alignment)
            #expect(mapping.size == 8192)
        }
    }

    @Test func freshMemoryIsZeroAndTakesNothing() throws {
        let mapping = try MemoryMapping(anonymous: 1 << 40)
        #expect(mapping.base.load(fromByteOffset: 1 << 39, as: UInt64.self) == 0)
        let small = try MemoryMapping(anonymous: 64 * hostPageSize)
        #expect(residentPages(small) == 0)
    }

    @Test func nothingIsMappedBesideItNorWhenItIsGone() throws {
        let address: UInt64
        do {
            // Guards on both sides, so that no other mapping can be a neighbour.
            let mapping = try MemoryMapping(anonymous: 16 * Self.mebibyte, alignment: 16 * Self.mebibyte)
            address = UInt64(UInt(bitPattern: mapping.base))
            #expect(isMapped(address))
            #expect(isMapped(address + 16 * Self.mebibyte - hostPageSize))
        }
        let other = try MemoryMapping(anonymous: 16 * Self.mebibyte, alignment: 16 * Self.mebibyte)
        #expect(UInt64(UInt(bitPattern: other.base)) % (16 * Self.mebibyte) == 0)
    }

    @Test func protectionHoldsForThePartAlone() throws {
        let mapping = try MemoryMapping(anonymous: 4 * hostPageSize)
        try mapping.protect(hostPageSize..<2 * hostPageSize, .inaccessible)
        try mapping.protect(2 * hostPageSize..<3 * hostPageSize, .zeroes)
        try mapping.touch(0)
        try mapping.touch(3 * hostPageSize)
        for page in [1, 2] as [UInt64] {
            #expect(throws: SystemCallError("touch", .badAddress, subject: "a page of a mapping")) {
                try mapping.touch(page * hostPageSize)
            }
        }
        #expect(mapping.base.load(fromByteOffset: 2 * Int(hostPageSize), as: UInt8.self) == 0)
        try mapping.protect(0..<4 * hostPageSize, .readWrite)
        try mapping.touch(hostPageSize)
    }

    @Test func inaccessibleFromTheStartIsInaccessible() throws {
        let mapping = try MemoryMapping(anonymous: hostPageSize, protection: .inaccessible)
        #expect(throws: SystemCallError.self) { try mapping.touch(0) }
    }

    @Test func discardedMemoryIsBackWithTheHostAndZero() throws {
        let mapping = try MemoryMapping(anonymous: 8 * hostPageSize)
        for page in 0..<8 { mapping.base.storeBytes(of: 0x55, toByteOffset: page * Int(hostPageSize), as: UInt8.self) }
        #expect(residentPages(mapping) == 8)
        try mapping.discard(2 * hostPageSize..<6 * hostPageSize)
        #expect(residentPages(mapping) == 4)
        #expect(mapping.base.load(fromByteOffset: 3 * Int(hostPageSize), as: UInt8.self) == 0)
        #expect(mapping.base.load(fromByteOffset: 7 * Int(hostPageSize), as: UInt8.self) == 0x55)
    }

    @Test func inaccessibleMemoryCanBeDiscarded() throws {
        let mapping = try MemoryMapping(anonymous: 2 * hostPageSize)
        mapping.base.storeBytes(of: 0x55, as: UInt8.self)
        try mapping.protect(0..<2 * hostPageSize, .inaccessible)
        try mapping.discard(0..<2 * hostPageSize)
        #expect(residentPages(mapping) == 0)
    }

    @Test(arguments: [0, 1, 4095, 4097, .max, .max & ~4095, 1 << 63] as [UInt64])
    func sizesThatCannotBeAreErrors(size: UInt64) {
        let error = #expect(throws: SystemCallError.self) { _ = try MemoryMapping(anonymous: size) }
        #expect(error?.call == "mmap")
        #expect(error?.subject == "\(size) bytes of memory")
    }

    @Test func moreThanTheAddressSpaceIsAnError() {
        #expect(throws: SystemCallError("mmap", .noMemory, subject: "\(1 << 60) bytes of memory")) {
            _ = try MemoryMapping(anonymous: 1 << 60)
        }
    }
}
