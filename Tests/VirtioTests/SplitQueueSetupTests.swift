import GuestMemory
import Testing

@testable import Virtio
@testable import VirtioTestSupport

@Suite struct SplitQueueSetupTests {
    private let memory: GuestMemory

    init() throws {
        memory = try TestMemory.make()
    }

    private func queue(_ setup: QueueSetup, maximumSize: UInt16 = 256) throws(VirtqueueError) -> SplitQueue {
        try SplitQueue(setup: setup, maximumSize: maximumSize, features: 0, memory: memory)
    }

    @Test(arguments: [1, 2, 4, 128, 256] as [UInt16])
    func powersOfTwoUpToTheMaximumAreSizes(size: UInt16) throws {
        #expect(try queue(TestMemory.setup(size: size)).size == size)
    }

    @Test(arguments: [0, 3, 255, 257, 512, 32768, 65535] as [UInt16])
    func otherSizesAreNot(size: UInt16) {
        #expect(throws: VirtqueueError.invalidSize(size, maximum: 256)) { try queue(TestMemory.setup(size: size)) }
    }

    @Test func theLargestSizeIs32768() throws {
        let region = try GuestMemoryRegion(name: "ram", start: GuestAddress(0), size: 1 << 21)
        let setup = QueueSetup(size: 32768, descriptorTable: 0, availableRing: 0x80000, usedRing: 0x100000)
        let queue = try SplitQueue(
            setup: setup, maximumSize: 32768, features: 0, memory: GuestMemory(regions: [region]))
        #expect(queue.size == 32768)
    }

    @Test(
        arguments: [(VirtqueuePart.descriptorTable, 8), (.availableRing, 1), (.usedRing, 2)]
            as [(VirtqueuePart, UInt64)])
    func partsMustBeAligned(part: VirtqueuePart, offset: UInt64) {
        var setup = TestMemory.setup(size: 4)
        let address = setup.move(part, by: offset)
        #expect(throws: VirtqueueError.misaligned(part, address, alignment: part.alignment)) { try queue(setup) }
    }

    @Test(arguments: VirtqueuePart.allCases)
    func alignedPartsMayBeAnywhere(part: VirtqueuePart) throws {
        var setup = TestMemory.setup(size: 4)
        _ = setup.move(part, by: part.alignment)
        _ = try queue(setup)
    }

    @Test(arguments: VirtqueuePart.allCases)
    func partsMustLieInGuestMemory(part: VirtqueuePart) throws {
        let count = part.byteCount(queueSize: 4)
        for address in [0, TestMemory.end, UInt64.max & ~15, UInt64.max & ~4095] {
            var setup = TestMemory.setup(size: 4)
            setup.place(part, at: address)
            #expect(throws: VirtqueueError.memory(.unmapped(GuestAddress(address), count: count))) {
                try queue(setup)
            }
        }
        // Up to the last byte, as far as alignment permits.
        var setup = TestMemory.setup(size: 4)
        let last = (TestMemory.end - count) & ~(part.alignment - 1)
        setup.place(part, at: last)
        _ = try queue(setup)
        setup.place(part, at: last + part.alignment)
        #expect(throws: VirtqueueError.self) { try queue(setup) }
    }

    @Test func theSizesAreThoseOfTheSpecification() {
        #expect(VirtqueuePart.descriptorTable.byteCount(queueSize: 32768) == 16 * 32768)
        #expect(VirtqueuePart.availableRing.byteCount(queueSize: 32768) == 6 + 2 * 32768)
        #expect(VirtqueuePart.usedRing.byteCount(queueSize: 32768) == 6 + 8 * 32768)
    }
}

extension QueueSetup {
    fileprivate mutating func place(_ part: VirtqueuePart, at address: UInt64) {
        switch part {
        case .descriptorTable: descriptorTable = address
        case .availableRing: availableRing = address
        case .usedRing: usedRing = address
        }
    }

    fileprivate mutating func move(_ part: VirtqueuePart, by offset: UInt64) -> GuestAddress {
        let address = GuestAddress(address(of: part).rawValue + offset)
        place(part, at: address.rawValue)
        return address
    }
}
