import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// What `nextChain()` makes of drivers that break the rules.
@Suite struct HostileChainTests {
    private let memory: GuestMemory
    private let driver: FakeDriver
    private let queue: SplitQueue

    init() throws {
        memory = try TestMemory.make()
        driver = FakeDriver(
            memory: memory, setup: TestMemory.setup(size: 8), features: VirtioFeature.indirectDescriptors)
        queue = try driver.makeQueue()
    }

    /// Offers head 0 and expects the error.
    private func expect(_ error: VirtqueueError, head: UInt16 = 0, sourceLocation: SourceLocation = #_sourceLocation)
        throws
    {
        try driver.offer(head)
        try driver.publish()
        #expect(throws: error, sourceLocation: sourceLocation) { try queue.nextChain() }
    }

    @Test(arguments: [8, 9, 32768, 65535] as [UInt16])
    func aHeadBeyondTheTableIsAnError(head: UInt16) throws {
        try expect(.descriptorIndexOutOfRange(head, size: 8), head: head)
    }

    @Test(arguments: [8, 65535] as [UInt16])
    func aNextBeyondTheTableIsAnError(next: UInt16) throws {
        try driver.write(0, TestMemory.free, 1, .next, next: next)
        try expect(.descriptorIndexOutOfRange(next, size: 8))
    }

    @Test(arguments: [9, 10, 32768, 65535] as [UInt16])
    func anIndexMoreThanTheSizeAheadIsAnError(index: UInt16) throws {
        driver.pending = index
        try driver.publish()
        #expect(throws: VirtqueueError.availableIndexOutOfRange(index, taken: 0, size: 8)) { try queue.nextChain() }
    }

    /// "A driver MUST NOT decrement the available idx."
    @Test func anIndexThatGoesBackIsAnError() throws {
        try driver.add([.readable(TestMemory.free, 1)])
        try driver.publish()
        _ = try queue.nextChain()
        driver.pending = 0
        try driver.publish()
        #expect(throws: VirtqueueError.availableIndexOutOfRange(0, taken: 1, size: 8)) { try queue.nextChain() }
    }

    @Test func aLoopIsAnError() throws {
        try driver.write(0, TestMemory.free, 1, .next, next: 0)
        try expect(.chainTooLong(maximum: 8))
        try driver.write(1, TestMemory.free, 1, [.next, .write], next: 2)
        try driver.write(2, TestMemory.free, 1, [.next, .write], next: 1)
        #expect(throws: VirtqueueError.chainTooLong(maximum: 8)) { try queue.walk(from: 1) }
    }

    @Test func aLoopOfEmptyBuffersIsAnError() throws {
        try driver.write(0, 0, 0, .next, next: 0)
        try expect(.chainTooLong(maximum: 8))
    }

    @Test func aLoopInAnIndirectTableIsAnError() throws {
        try driver.write(in: 0x19_0000, 0, TestMemory.free, 1, .next, next: 0)
        try driver.write(0, 0x19_0000, 16, .indirect)
        try expect(.chainTooLong(maximum: 8))
    }

    /// "A driver MUST NOT create a descriptor chain longer than the Queue Size of the device."
    @Test(arguments: [0, 3])
    func moreBuffersThanTheQueueHasDescriptorsAreAnError(direct: Int) throws {
        let pieces = (0..<9).map { FakeDriver.Piece.readable(0x18_0000 + $0, 1) }
        try driver.add(pieces, indirectAfter: direct, table: 0x19_0000)
        try driver.publish()
        #expect(throws: VirtqueueError.chainTooLong(maximum: 8)) { try queue.nextChain() }
    }

    /// "The driver MUST place any device-writable descriptor elements after any device-readable descriptor elements."
    @Test(arguments: [nil, 0, 1])
    func aReadableBufferAfterAWritableOneIsAnError(indirectAfter: Int?) throws {
        try driver.add(
            [.writable(TestMemory.free, 1), .readable(TestMemory.free, 1)], indirectAfter: indirectAfter,
            table: 0x19_0000)
        try driver.publish()
        #expect(throws: VirtqueueError.readableAfterWritable) { try queue.nextChain() }
    }

    @Test func anIndirectDescriptorNeedsItsFeature() throws {
        let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 8))
        let queue = try driver.makeQueue()
        try driver.add([.readable(TestMemory.free, 1)], indirectAfter: 0, table: 0x19_0000)
        try driver.publish()
        #expect(throws: VirtqueueError.indirectNotNegotiated) { try queue.nextChain() }
    }

    @Test func anIndirectTableCantReferToAnother() throws {
        try driver.write(in: 0x19_0000, 0, 0x19_0000, 16, .indirect)
        try driver.write(0, 0x19_0000, 16, .indirect)
        try expect(.nestedIndirect)
    }

    /// "A driver MUST NOT set both VIRTQ_DESC_F_INDIRECT and VIRTQ_DESC_F_NEXT in flags."
    @Test func anIndirectDescriptorCantHaveANext() throws {
        try driver.write(in: 0x19_0000, 0, TestMemory.free, 1)
        try driver.write(0, 0x19_0000, 16, [.indirect, .next], next: 1)
        try expect(.indirectWithNext)
    }

    @Test(arguments: [0, 1, 15, 17, 40, 0xffff_ffff] as [UInt32])
    func anIndirectTableHoldsWholeDescriptors(length: UInt32) throws {
        try driver.write(0, 0x19_0000, length, .indirect)
        try expect(.invalidIndirectLength(length))
    }

    @Test(
        arguments: [(0, 16), (0x20_fff8, 16), (0x21_0000, 16), (0x19_0000, 0xffff_fff0), (.max, 16), (.max - 15, 32)]
            as [(UInt64, UInt32)])
    func anIndirectTableMustLieInGuestMemory(table: UInt64, length: UInt32) throws {
        try driver.write(0, table, length, .indirect)
        try expect(.memory(.unmapped(GuestAddress(table), count: UInt64(length))))
    }

    @Test(arguments: [1, 65535] as [UInt16])
    func aNextBeyondTheIndirectTableIsAnError(next: UInt16) throws {
        try driver.write(in: 0x19_0000, 0, TestMemory.free, 1, .next, next: next)
        try driver.write(0, 0x19_0000, 16, .indirect)
        try expect(.descriptorIndexOutOfRange(next, size: 1))
    }

    @Test(
        arguments: [
            (0, 1), (0xf_ffff, 1), (0xf_ffff, 2), (0x20_ffff, 2), (0x21_0000, 1), (0x18_0000, 0xffff_ffff), (.max, 1),
            (.max, 0xffff_ffff),
        ] as [(UInt64, UInt32)])
    func buffersMustLieInGuestMemory(address: UInt64, length: UInt32) throws {
        try driver.write(0, address, length)
        try expect(.memory(.unmapped(GuestAddress(address), count: UInt64(length))))
        try driver.write(1, address, length, .write)
        #expect(throws: VirtqueueError.memory(.unmapped(GuestAddress(address), count: UInt64(length)))) {
            try queue.walk(from: 1)
        }
    }

    /// A hot-unplugged block under a ring or a table is an error, not a crash.
    @Test(arguments: [0x0..<0x1000, 0x1_0000..<0x1_1000, 0x2_0000..<0x2_1000, 0x9_0000..<0x9_1000] as [Range<UInt64>])
    func queuesInInaccessibleMemoryAreAnError(range: Range<UInt64>) throws {
        try driver.add([.readable(TestMemory.free, 1)], indirectAfter: 0, table: 0x19_0000)
        try driver.publish()
        let region = memory.regions[0]
        try region.mapping.protect(range, .inaccessible)
        defer { try? region.mapping.protect(range, .readWrite) }
        #expect {
            if let chain = try queue.nextChain() { try queue.complete(chain, written: 0) }
        } throws: { error in
            if case .memory(.inaccessible) = error as? VirtqueueError { true } else { false }
        }
    }

    /// Descriptors are read when a chain is taken; what they become later doesn't count.
    @Test func aChainIsWalkedOnce() throws {
        try driver.write(0, TestMemory.free, 8)
        try memory.store(42 as UInt64, at: GuestAddress(TestMemory.free))
        try driver.offer(0)
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        try driver.write(0, .max, .max, [.write, .next, .indirect], next: .max)
        #expect(try queue.loadUInt64(at: 0, of: chain) == 42)
        #expect(throws: VirtqueueError.buffersTooShort(needed: 1, available: 0)) {
            try queue.store(0 as UInt8, at: 0, of: chain)
        }
    }
}
