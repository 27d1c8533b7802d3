import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

@Suite struct BufferAccessTests {
    private let memory: GuestMemory
    private let driver: FakeDriver
    private let queue: SplitQueue

    init() throws {
        memory = try TestMemory.make()
        driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 64))
        queue = try driver.makeQueue()
    }

    /// How a buffer of 24 bytes may be cut.
    static let cuts: [[UInt32]] = [
        [24], [8, 16], [1, 23], [23, 1], [9, 1, 14], [0, 24], [12, 0, 12], [7, 0, 0, 17],
        [UInt32](repeating: 1, count: 24),
    ]

    @Test(arguments: cuts)
    func scalarsAreReadFromScatteredBuffers(cut: [UInt32]) throws {
        var pieces: [FakeDriver.Piece] = []
        var byte: UInt8 = 1
        for (number, count) in cut.enumerated() {
            // Every other piece crosses from one region into the next.
            let address =
                number % 2 == 0 ? TestMemory.second - 4 + 0x1000 * UInt64(number / 2) : 0x18_0000 + 64 * UInt64(number)
            pieces.append(.readable(address, count))
            for offset in 0..<UInt64(count) {
                try memory.store(byte, at: GuestAddress(address + offset))
                byte += 1
            }
        }
        try driver.add(pieces)
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        for offset in 0..<24 as Range<UInt64> {
            let expected = (0..<8).reduce(0 as UInt64) { $0 | (offset + UInt64($1) + 1) << (8 * UInt64($1)) }
            #expect(try queue.loadUInt8(at: offset, of: chain) == UInt8(truncatingIfNeeded: expected))
            if offset <= 22 {
                #expect(try queue.loadUInt16(at: offset, of: chain) == UInt16(truncatingIfNeeded: expected))
            }
            if offset <= 20 {
                #expect(try queue.loadUInt32(at: offset, of: chain) == UInt32(truncatingIfNeeded: expected))
            }
            if offset <= 16 { #expect(try queue.loadUInt64(at: offset, of: chain) == expected) }
        }
    }

    @Test(arguments: cuts)
    func scalarsAreWrittenToScatteredBuffers(cut: [UInt32]) throws {
        var pieces: [FakeDriver.Piece] = [.readable(TestMemory.free, 4)]
        var addresses: [UInt64] = []
        for (number, count) in cut.enumerated() {
            let address =
                number % 2 == 0 ? TestMemory.second - 4 + 0x1000 * UInt64(number / 2) : 0x18_0000 + 64 * UInt64(number)
            pieces.append(.writable(address, count))
            addresses += (0..<UInt64(count)).map { address + $0 }
        }
        try driver.add(pieces)
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        func bytes() throws -> [UInt8] { try addresses.map { try memory.loadUInt8(at: GuestAddress($0)) } }
        func expected(_ offset: Int, _ value: [UInt8]) -> [UInt8] {
            (0..<24).map { $0 >= offset && $0 < offset + value.count ? value[$0 - offset] : 0 }
        }
        for offset in 0...16 {
            for address in addresses { try memory.store(UInt8(0), at: GuestAddress(address)) }
            try queue.store(0x0807_0605_0403_0201 as UInt64, at: UInt64(offset), of: chain)
            #expect(try bytes() == expected(offset, [1, 2, 3, 4, 5, 6, 7, 8]))
        }
        for address in addresses { try memory.store(UInt8(0), at: GuestAddress(address)) }
        try queue.store(0x0403_0201 as UInt32, at: 1, of: chain)
        #expect(try bytes() == expected(1, [1, 2, 3, 4]))
        try queue.store(0 as UInt32, at: 1, of: chain)
        try queue.store(0x0201 as UInt16, at: 22, of: chain)
        #expect(try bytes() == expected(22, [1, 2]))
        try queue.store(0 as UInt16, at: 22, of: chain)
        try queue.store(9 as UInt8, at: 23, of: chain)
        #expect(try bytes() == expected(23, [9]))
        // "A device MUST NOT write to a device-readable buffer."
        #expect(try memory.loadUInt32(at: GuestAddress(TestMemory.free)) == 0)
    }

    @Test func accessBeyondTheBuffersIsAnError() throws {
        try driver.add([.readable(0x18_0000, 24), .writable(0x18_0100, 10)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        #expect(throws: VirtqueueError.buffersTooShort(needed: 25, available: 24)) {
            try queue.loadUInt64(at: 17, of: chain)
        }
        #expect(throws: VirtqueueError.buffersTooShort(needed: 11, available: 10)) {
            try queue.store(0 as UInt16, at: 9, of: chain)
        }
        for offset in [24, 25, UInt64.max, UInt64.max - 6] {
            #expect(throws: VirtqueueError.self) { try queue.loadUInt8(at: offset, of: chain) }
            #expect(throws: VirtqueueError.self) { try queue.store(0 as UInt64, at: offset, of: chain) }
        }
        try queue.forEachReadablePiece(of: chain, at: 24, count: 0) { _ in Issue.record("nothing to see") }
    }

    @Test func anErrorOfTheBodyIsPassedOn() throws {
        try driver.add([.readable(0x18_0000, 24), .writable(0x18_0100, 10)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        #expect(throws: VirtqueueError.chainTooLarge) {
            try queue.forEachReadablePiece(of: chain, at: 0, count: 24) { (_) throws(VirtqueueError) in
                throw .chainTooLarge
            }
        }
    }

    /// Buffers in unplugged memory are refused when they are accessed, and the access is possible after a plug.
    @Test func inaccessibleBuffersAreAnError() throws {
        let region = memory.regions[0]
        try region.mapping.protect(0x9_0000..<0xa_0000, .inaccessible)
        defer { try? region.mapping.protect(0x9_0000..<0xa_0000, .readWrite) }
        try driver.add([.readable(0x19_0000, 24), .writable(0x19_0100, 10)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        let at = GuestAddress(0x19_0000)
        #expect(throws: VirtqueueError.memory(.inaccessible(at, count: 8))) { try queue.loadUInt64(at: 0, of: chain) }
        #expect(throws: VirtqueueError.self) { try queue.loadUInt16(at: 0, of: chain) }
        #expect(throws: VirtqueueError.self) { try queue.store(0 as UInt64, at: 0, of: chain) }
        #expect(throws: VirtqueueError.self) { try queue.store(0 as UInt16, at: 8, of: chain) }
        try region.mapping.protect(0x9_0000..<0xa_0000, .readWrite)
        #expect(try queue.loadUInt64(at: 0, of: chain) == 0)
    }

    /// Chains that are taken together are all accessible; those that are put back are taken again, however they look by
    /// then.
    @Test func chainsAreTakenTogetherAndPutBack() throws {
        let pages = (0..<4 as Range<UInt64>).map { TestMemory.free + 0x1000 * $0 }
        for page in pages {
            try driver.add([.readable(page, 8), .writable(page + 0x100, 8), .writable(page + 0x200, 8)])
        }
        try driver.publish()
        for (number, page) in pages.enumerated() { try memory.store(UInt64(number), at: GuestAddress(page)) }
        var chains = [try #require(try queue.nextChain())]
        for _ in 0..<3 { chains.append(try #require(try queue.anotherChain())) }
        #expect(try queue.anotherChain() == nil)
        for (number, chain) in chains.enumerated() {
            #expect(try queue.loadUInt64(at: 0, of: chain) == UInt64(number))
            try queue.store(UInt64(10 + number), at: 8, of: chain)
        }
        for (number, page) in pages.enumerated() {
            #expect(try memory.loadUInt64(at: GuestAddress(page + 0x200)) == UInt64(10 + number))
        }
        try queue.complete(chains[0], written: 0)
        queue.putBack(from: chains[2], count: 2)
        #expect(throws: VirtqueueError.staleChain) { try queue.loadUInt64(at: 0, of: chains[2]) }
        #expect(try queue.loadUInt64(at: 0, of: chains[1]) == 1)
        try queue.complete(chains[1], written: 0)
        #expect(try driver.takeUsed().map(\.head) == chains[..<2].map { UInt32($0.head) })
        let third = try #require(try queue.nextChain())
        #expect(third.head == chains[2].head)
        #expect(try queue.loadUInt64(at: 0, of: third) == 2)
        #expect(throws: VirtqueueError.staleChain) { try queue.loadUInt64(at: 0, of: chains[2]) }
        #expect(try queue.nextChain()?.head == chains[3].head)
        #expect(try queue.nextChain() == nil)
        // The driver was asked to say when there is more.
        try driver.add([.readable(TestMemory.free, 8)])
        try driver.publish()
        #expect(try queue.nextChain() != nil)
    }

    /// There is room for the buffers of a few: the others wait for their turn.
    @Test func fewLongChainsAreTakenTogether() throws {
        let driver = FakeDriver(
            memory: memory, setup: TestMemory.setup(size: 64), features: VirtioFeature.indirectDescriptors)
        let queue = try driver.makeQueue()
        let pieces = (0..<64 as Range<UInt64>).map { FakeDriver.Piece.readable(TestMemory.free + 8 * $0, 8) }
        for index in 0..<64 as Range<UInt64> {
            try memory.store(index, at: GuestAddress(TestMemory.free + 8 * index))
        }
        for _ in 0..<10 { try driver.add(pieces, indirectAfter: 0, table: 0x19_0000) }
        try driver.publish()
        var sizes: [Int] = []
        while let first = try queue.nextChain() {
            var chains = [first]
            while let chain = try queue.anotherChain() { chains.append(chain) }
            for chain in chains { #expect(try queue.loadUInt64(at: 63 * 8, of: chain) == 63) }
            sizes.append(chains.count)
        }
        #expect(sizes == [2, 2, 2, 2, 2])
    }
}
