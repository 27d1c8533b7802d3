import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

/// What `nextChain()` makes of chains that follow the rules.
@Suite struct DescriptorChainTests {
    private let memory: GuestMemory
    private let driver: FakeDriver
    private let queue: SplitQueue

    init() throws {
        memory = try TestMemory.make()
        driver = FakeDriver(
            memory: memory, setup: TestMemory.setup(size: 8), features: VirtioFeature.indirectDescriptors)
        queue = try driver.makeQueue()
    }

    private func pieces(of chain: DescriptorChain) throws -> (readable: [GuestBuffer], writable: [GuestBuffer]) {
        var readable: [GuestBuffer] = []
        var writable: [GuestBuffer] = []
        try queue.forEachReadablePiece(of: chain, at: 0, count: chain.readableLength) { readable.append($0) }
        try queue.forEachWritablePiece(of: chain, at: 0, count: chain.writableLength) { writable.append($0) }
        return (readable, writable)
    }

    private func buffer(_ address: UInt64, _ count: UInt64) -> GuestBuffer {
        GuestBuffer(address: GuestAddress(address), count: count)
    }

    @Test func anEmptyQueueHasNoChain() throws {
        #expect(try queue.nextChain() == nil)
    }

    @Test func aChainIsSeenOnceTheIndexMoves() throws {
        try driver.add([.readable(TestMemory.free, 4)])
        #expect(try queue.nextChain() == nil)
        try driver.publish()
        #expect(try queue.nextChain() != nil)
        #expect(try queue.nextChain() == nil)
    }

    @Test func readableAndWritableBuffersAreToldApart() throws {
        let head = try driver.add([
            .readable(0x18_0000, 16), .readable(0x19_0000, 8), .writable(0x1a_0000, 10), .writable(0x1b_0000, 0),
            .writable(0x1c_0000, 3),
        ])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        #expect(chain.head == head)
        #expect(chain.readableCount == 2)
        #expect(chain.writableCount == 3)
        #expect(chain.readableLength == 24)
        #expect(chain.writableLength == 13)
        let (readable, writable) = try pieces(of: chain)
        #expect(readable == [buffer(0x18_0000, 16), buffer(0x19_0000, 8)])
        #expect(writable == [buffer(0x1a_0000, 10), buffer(0x1c_0000, 3)])
    }

    @Test func chainsComeInTheOrderOfTheRing() throws {
        var heads: [UInt16?] = []
        for _ in 0..<8 { heads.append(try driver.add([.writable(TestMemory.free, 1)])) }
        try driver.publish()
        var taken: [UInt16?] = []
        while let chain = try queue.nextChain() { taken.append(chain.head) }
        #expect(taken == heads)
    }

    @Test func aChainMayUseEveryDescriptor() throws {
        try driver.add((0..<8).map { .readable(0x18_0000 + 16 * $0, 1) })
        try driver.publish()
        #expect(try queue.nextChain()?.readableCount == 8)
    }

    @Test(arguments: 0...7)
    func anIndirectTableMayFollowOrdinaryDescriptors(direct: Int) throws {
        let all = (0..<8).map { FakeDriver.Piece(address: 0x18_0000 + 16 * $0, count: 2, writable: $0 >= 3) }
        try driver.add(all, indirectAfter: direct, table: 0x19_0000)
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        let (readable, writable) = try pieces(of: chain)
        #expect(readable == (0..<3).map { buffer(0x18_0000 + 16 * $0, 2) })
        #expect(writable == (3..<8).map { buffer(0x18_0000 + 16 * $0, 2) })
    }

    /// "The device MUST ignore the write-only flag in the descriptor that refers to an indirect table."
    @Test func theWriteFlagOfAnIndirectDescriptorIsIgnored() throws {
        try driver.write(in: 0x19_0000, 0, TestMemory.free, 5)
        try driver.write(0, 0x19_0000, 16, [.indirect, .write])
        try driver.offer(0)
        try driver.publish()
        #expect(try queue.nextChain()?.readableLength == 5)
    }

    /// A table may lie anywhere, also across two regions of guest memory.
    @Test(arguments: [0x19_0001, 0x19_0008, 0x1f_fff0, 0x1f_fff8, 0x1f_fffc, 0x1f_ffff, 0x20_ffd0] as [UInt64])
    func anIndirectTableNeedsNoAlignment(table: UInt64) throws {
        try driver.add(
            [.readable(0x18_0000, 1), .readable(0x18_0001, 2), .writable(0x18_0003, 3)], indirectAfter: 0, table: table)
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        #expect(chain.readableLength == 3)
        #expect(chain.writableLength == 3)
    }

    @Test func fourGiBInTotalIsTheMost() throws {
        let big = try GuestMemoryRegion(
            name: "big", start: GuestAddress(1 << 32), size: 3 << 30, protection: .inaccessible)
        let memory = GuestMemory(regions: memory.regions + [big])
        let driver = FakeDriver(memory: memory, setup: TestMemory.setup(size: 8))
        let queue = try driver.makeQueue()
        try driver.add([.readable(1 << 32, 1 << 31), .writable(1 << 32, 1 << 31)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        #expect(chain.readableLength + chain.writableLength == 1 << 32)
        try driver.add([.readable(1 << 32, 1 << 31), .readable(1 << 32, 1 << 31), .writable(1 << 32, 1)])
        try driver.publish()
        #expect(throws: VirtqueueError.chainTooLarge) { try queue.nextChain() }
    }

    @Test func onlyTheNewestChainsBuffersAreKnown() throws {
        try driver.add([.readable(TestMemory.free, 8)])
        try driver.add([.readable(TestMemory.free, 8)])
        try driver.publish()
        let first = try #require(try queue.nextChain())
        _ = try queue.loadUInt8(at: 0, of: first)
        _ = try queue.nextChain()
        #expect(throws: VirtqueueError.staleChain) { try queue.loadUInt8(at: 0, of: first) }
        #expect(throws: VirtqueueError.staleChain) { try queue.store(0 as UInt8, at: 0, of: first) }
        // Its buffers are gone, but it can be completed.
        try queue.complete(first, written: 0)
        #expect(try driver.takeUsed().map(\.head) == [UInt32(first.head)])
    }

    @Test func aChainOfAnotherQueueIsNotCompleted() throws {
        try driver.add([.writable(TestMemory.free, 8)])
        try driver.publish()
        let chain = try #require(try queue.nextChain())
        let next = try SplitQueue(setup: driver.setup, maximumSize: 8, features: 0, memory: memory, epoch: 1)
        try next.complete(chain, written: 0)
        #expect(try driver.usedIndex == 0)
        #expect(try !next.needsInterrupt())
        #expect(throws: VirtqueueError.staleChain) { try next.loadUInt8(at: 0, of: chain) }
        try next.store(1 as UInt8, at: 0, of: chain)
        #expect(try memory.loadUInt8(at: GuestAddress(TestMemory.free)) == 0)
    }

    @Test func aTurnTakesAtMostAQueueFull() throws {
        queue.beginTurn()
        for _ in 0..<8 {
            try driver.add([.readable(TestMemory.free, 8)])
            try driver.publish()
            let chain = try #require(try queue.nextChain())
            try queue.complete(chain, written: 0)
            _ = try driver.takeUsed()
        }
        #expect(!queue.isOverBudget)
        #expect(try queue.nextChain() == nil)
        #expect(!queue.isOverBudget)
        try driver.add([.readable(TestMemory.free, 8)])
        try driver.publish()
        #expect(try queue.nextChain() == nil)
        #expect(queue.isOverBudget)
        queue.beginTurn()
        #expect(try queue.nextChain() != nil)
    }
}
