import GuestMemory
import Host
import TestSupport
import Testing

@testable import VirtioMem

/// What the specification demands of requests and their answers (5.15.6), in its words.
@Suite struct RequestStatementTests {
    typealias Answer = MemoryDeviceFixture.Answer

    private static let mebibyte = MemoryDeviceFixture.mebibyte
    private static let gibibyte = MemoryDeviceFixture.gibibyte
    private static let start = MemoryDeviceFixture.start
    /// The end of what is usable by default: a requested size of 1 GiB makes 2 GiB usable.
    private static let usableEnd = start + 2 * gibibyte

    private let device: MemoryDeviceFixture

    init() throws {
        device = try MemoryDeviceFixture()
    }

    /// PLUG, UNPLUG and STATE.
    private static let types: [UInt16] = [0, 1, 3]

    private func send(_ type: UInt16, _ address: UInt64, _ count: UInt16, padding: UInt8 = 0) throws -> Answer {
        try device.send(RequestDriver.request(type: type, address: address, blockCount: count, padding: padding))
    }

    // MARK: What all of them have in common

    /// "The device MUST reject requests with VIRTIO_MEM_RESP_ERROR if addr is not aligned to the block_size in the
    /// device configuration, if nb_blocks is not greater than 0, or if any memory block outside of the usable
    /// device-managed memory region is covered by the request."
    @Test(arguments: types)
    func rangesThatCannotBeAreErrors(type: UInt16) throws {
        #expect(try device.plug(block: 0, 4) == .acknowledge)
        let block = 2 * Self.mebibyte
        let wrong: [(UInt64, UInt16)] = [
            // Not aligned.
            (Self.start + 1, 1), (Self.start + 4096, 1), (Self.start + block / 2, 1), (Self.start + block - 1, 1),
            // None.
            (Self.start, 0), (Self.start + 100 * block, 0), (0, 0), (Self.usableEnd, 0),
            // Before the region.
            (0, 1), (Self.start - block, 1), (Self.start - block, 2),
            // Behind what is usable, in the region and behind it.
            (Self.usableEnd, 1), (Self.usableEnd - block, 2), (Self.start, 1025), (Self.usableEnd, .max),
            (Self.start, .max), (Self.start + 8 * Self.gibibyte - block, 1), (Self.start + 8 * Self.gibibyte, 1),
            // At the ends of the address space.
            (0 &- block, 1), (0 &- block, 2), (0 &- block, .max), (.max, 1), (.max, .max), (1 << 63, 1),
            (1 << 63, .max),
        ]
        for (address, count) in wrong {
            #expect(try send(type, address, count) == .error, "\(address), \(count)")
        }
        #expect(device.pluggedSize == 4 * block, "nothing changed")
        #expect(try device.state(block: 0, 4) == .plugged)
        #expect(try device.state(block: 4, 1020) == .unplugged)
    }

    /// "The device MUST ignore the padding in the request-specific data in a request." And: "The device MUST ignore
    /// anything except the request type and the request-specific data in a request."
    @Test(arguments: [0, 0x55, 0xFF] as [UInt8])
    func paddingIsIgnored(padding: UInt8) throws {
        #expect(try send(0, Self.start, 3, padding: padding) == .acknowledge)
        #expect(try send(3, Self.start, 3, padding: padding) == .plugged)
        #expect(try send(1, Self.start, 1, padding: padding) == .acknowledge)
        #expect(try send(3, Self.start, 3, padding: padding) == .mixed)
        #expect(try send(2, .max, .max, padding: padding) == .acknowledge)
        #expect(device.pluggedSize == 0)
    }

    /// Which don't stall the queue.
    @Test(arguments: [4, 5, 0x0100, 0xFFFF] as [UInt16])
    func typesThatNobodyKnowsAreErrors(type: UInt16) throws {
        #expect(try send(type, Self.start, 1) == .error)
        #expect(device.pluggedSize == 0)
        #expect(try device.plug(block: 0) == .acknowledge)
    }

    /// "The device MUST NOT make assumptions about the particular arrangement of descriptors."
    @Test(arguments: [[24], [2, 6, 8, 2, 6], [1, 23], [0, 24, 0], [UInt32](repeating: 1, count: 24)] as [[UInt32]])
    func requestsMayBeCutAnyhow(cut: [UInt32]) throws {
        for responseCut in [[10], [1, 9], [2, 6, 2], [0, 10, 6]] as [[UInt32]] {
            func send(_ type: UInt16) throws -> Answer {
                try device.send(
                    RequestDriver.request(type: type, address: Self.start, blockCount: 3, padding: 0x33), cut: cut,
                    responseCut: responseCut)
            }
            #expect(try send(0) == .acknowledge)
            #expect(try send(3) == .plugged)
            #expect(try send(1) == .acknowledge)
            #expect(try send(3) == .unplugged)
        }
    }

    /// A chain that can't be a request, or has no room for a response, is a mistake with the queue: nothing is done, and
    /// the device needs a reset, after which it works.
    @Test(
        arguments: [([23], [10]), ([24], [9]), ([24], []), ([], [10]), ([0], [0])] as [([UInt32], [UInt32])])
    func aMalformedChainMakesTheDeviceNeedAReset(cut: [UInt32], responseCut: [UInt32]) throws {
        let failure = try device.sendMalformed(
            RequestDriver.request(type: 0, address: Self.start, blockCount: 1), cut: cut, responseCut: responseCut)
        guard case .buffersTooShort = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(device.register(0x70) == 15 | 64)
        #expect(device.register(0x60) & 2 != 0)
        #expect(device.pluggedSize == 0)
        try device.resetByDriver()
        #expect(try device.plug(block: 0) == .acknowledge)
    }

    /// "A device MUST NOT write to a device-readable buffer [...]. A device MUST NOT write to any descriptor table
    /// entry."
    @Test func onlyTheResponseIsWritten() throws {
        for type in 0...4 as ClosedRange<UInt16> {
            let request = RequestDriver.request(type: type, address: Self.start, blockCount: 2, padding: 0x77)
            let (before, after) = try device.sendComparing(request)
            #expect(before == after, "\(type)")
        }
    }

    @Test func theLastUsableBlockIsUsable() throws {
        #expect(try device.state(block: 1023) == .unplugged)
        #expect(try device.state(block: 0, 1024) == .unplugged)
        #expect(try device.plug(block: 1023) == .acknowledge)
        #expect(try device.unplug(block: 1023) == .acknowledge)
    }

    @Test func theWholeRegionIsUsableWhereItIsRequested() throws {
        try device.setRequestedSize(8 * Self.gibibyte)
        #expect(try device.plug(block: 4095) == .acknowledge)
        #expect(try device.state(block: 0, 4096) == .mixed)
        #expect(try device.state(block: 4095, 2) == .error)
    }

    // MARK: PLUG

    /// "The device MUST reject requests with VIRTIO_MEM_RESP_ERROR if any memory block covered by the request is
    /// already plugged."
    @Test func aBlockIsPluggedOnce() throws {
        #expect(try device.plug(block: 10, 5) == .acknowledge)
        for (block, count) in [(10, 1), (14, 1), (10, 5), (9, 2), (14, 2), (0, 100)] as [(UInt64, UInt16)] {
            #expect(try device.plug(block: block, count) == .error)
        }
        #expect(device.pluggedSize == 10 * Self.mebibyte)
        #expect(try device.state(block: 9) == .unplugged)
        #expect(try device.state(block: 15) == .unplugged)
    }

    /// The same, where the guest has as much as is requested: what is wrong is wrong first.
    @Test func aPluggedBlockIsAnErrorAlsoWhenNothingMoreIsWanted() throws {
        #expect(try device.plug(block: 0, 512) == .acknowledge)
        #expect(try device.plug(block: 0) == .error)
        #expect(try device.plug(Self.start + 1, 1) == .error)
        #expect(try device.plug(block: 512) == .negativeAcknowledge)
    }

    /// "Once the plugged_size is greater or equal to the requested_size, requests to plug memory blocks will be
    /// rejected by the device." With NACK, on which a driver reads the configuration again: an error would make it
    /// give the device up.
    @Test func noMoreIsPluggedThanIsRequested() throws {
        try device.setRequestedSize(10 * Self.mebibyte)
        #expect(try device.plug(block: 0, 6) == .negativeAcknowledge, "more than is left, though something is")
        #expect(device.pluggedSize == 0)
        #expect(try device.plug(block: 0, 5) == .acknowledge)
        #expect(try device.plug(block: 5) == .negativeAcknowledge)
        try device.setRequestedSize(4 * Self.mebibyte)
        #expect(try device.plug(block: 5) == .negativeAcknowledge, "more is plugged than requested")
        try device.setRequestedSize(12 * Self.mebibyte)
        #expect(try device.plug(block: 5) == .acknowledge)
    }

    /// "The device MUST acknowledge requests with VIRTIO_MEM_RESP_ACK in case all memory blocks were successfully
    /// plugged." And: "The device MUST allow the driver to read and write memory [...] of plugged memory blocks."
    @Test func whatIsAcknowledgedIsMemoryThatReadsAsZero() throws {
        #expect(try device.plug(block: 63, 2) == .acknowledge)
        for block in [63, 64] as [UInt64] {
            let last = GuestAddress(device.address(ofBlock: block + 1) - 8)
            #expect(try device.memory.loadUInt64(at: last) == 0)
            try device.memory.store(block, at: last)
            #expect(try device.memory.loadUInt64(at: last) == block)
        }
        #expect(!device.isAccessible(block: 62))
        #expect(!device.isAccessible(block: 65))
        #expect(
            Set(device.slots.live.values)
                == [0..<128 * Self.mebibyte, 128 * Self.mebibyte..<256 * Self.mebibyte])
    }

    /// "The device MAY reject requests with VIRTIO_MEM_RESP_BUSY if the request can currently not be processed."
    @Test func aHostWithoutSlotsIsBusyAndThatLeavesNoTrace() throws {
        device.slots.failure = .exhausted(limit: 9)
        let generation = device.generation
        #expect(try device.plug(block: 0) == .busy)
        #expect(device.transport.withDevice { $0.refusal } == .slot(.exhausted(limit: 9)))
        #expect(device.pluggedSize == 0)
        #expect(device.generation == generation)
        #expect(try device.state(block: 0) == .unplugged)
        #expect(!device.isAccessible(block: 0))
        device.slots.failure = nil
        #expect(try device.plug(block: 0) == .acknowledge)
        #expect(try device.state(block: 0) == .plugged)
    }

    /// A failure of the second of two slots must not leave the first blocks plugged.
    @Test func aPlugIsAllOrNothing() throws {
        #expect(try device.plug(block: 0) == .acknowledge)
        device.slots.failure = .call(SystemCallError("KVM_SET_USER_MEMORY_REGION", .noMemory))
        #expect(try device.plug(block: 60, 10) == .busy)
        #expect(try device.state(block: 60, 10) == .unplugged)
        for block in 60..<70 as Range<UInt64> {
            #expect(!device.isAccessible(block: block))
        }
    }

    // MARK: UNPLUG

    /// "The device MUST reject requests with VIRTIO_MEM_RESP_ERROR if any memory block covered by the request is
    /// already unplugged."
    @Test func onlyPluggedBlocksAreUnplugged() throws {
        #expect(try device.plug(block: 10, 5) == .acknowledge)
        for (block, count) in [(9, 1), (15, 1), (9, 2), (14, 2), (0, 100)] as [(UInt64, UInt16)] {
            #expect(try device.unplug(block: block, count) == .error)
        }
        #expect(device.pluggedSize == 10 * Self.mebibyte)
        #expect(try device.state(block: 10, 5) == .plugged)
    }

    /// "The device MUST acknowledge requests with VIRTIO_MEM_RESP_ACK in case all memory blocks were successfully
    /// unplugged." And: "The device MUST NOT modify memory [...] of plugged memory blocks."
    @Test func whatIsUnpluggedIsGoneAndTheRestStays() throws {
        #expect(try device.plug(block: 0, 4) == .acknowledge)
        for block in 0..<4 as Range<UInt64> {
            try device.memory.store(block + 1, at: GuestAddress(device.address(ofBlock: block)))
        }
        #expect(try device.unplug(block: 1, 2) == .acknowledge)
        #expect(device.pluggedSize == 4 * Self.mebibyte)
        #expect((0..<4).map { device.isAccessible(block: $0) } == [true, false, false, true])
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 0))) == 1)
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 3))) == 4)
        #expect(try device.plug(block: 1, 2) == .acknowledge)
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 2))) == 0)
    }

    @Test func blocksMayBeUnpluggedWhateverIsRequested() throws {
        #expect(try device.plug(block: 0, 4) == .acknowledge)
        #expect(try device.unplug(block: 0, 4) == .acknowledge, "though more is requested")
        #expect(device.pluggedSize == 0)
    }

    /// "The device MAY reject requests with VIRTIO_MEM_RESP_BUSY if the request can currently not be processed." The same
    /// for UNPLUG ALL. Making memory inaccessible is all that can't be done.
    @Test func aHostThatKeepsMemoryIsBusyAndThatLeavesNoTrace() throws {
        var made: FaultyHost?
        let device = try MemoryDeviceFixture { region in
            made = FaultyHost(region)
            return made
        }
        let host = try #require(made)
        #expect(try device.plug(block: 0, 4) == .acknowledge)
        try device.memory.store(7 as UInt64, at: GuestAddress(device.address(ofBlock: 2)))
        try device.setRequestedSize(0)
        let generation = device.generation
        host.fault = FaultyHost.Fault(calls: 0..<Int.max, errno: .noMemory)
        #expect(try device.unplug(block: 2) == .busy)
        #expect(try device.unplugAll() == .busy)
        #expect(device.pluggedSize == 8 * Self.mebibyte)
        #expect(device.usableSize == 2 * Self.gibibyte)
        #expect(device.generation == generation)
        #expect(try device.state(block: 0, 4) == .plugged)
        #expect(try device.memory.loadUInt64(at: GuestAddress(device.address(ofBlock: 2))) == 7)
        host.fault = nil
        #expect(try device.unplug(block: 2) == .acknowledge)
        #expect(try device.unplugAll() == .acknowledge)
    }

    // MARK: UNPLUG ALL

    /// "The device MUST acknowledge requests with VIRTIO_MEM_RESP_ACK in case all memory blocks were successfully
    /// unplugged." And: "The device MUST set plugged_size to 0 in case the request is acknowledged."
    @Test func unplugAllLeavesNothing() throws {
        #expect(try device.plug(block: 0, 3) == .acknowledge)
        #expect(try device.plug(block: 100, 300) == .acknowledge)
        #expect(try device.unplugAll() == .acknowledge)
        #expect(device.pluggedSize == 0)
        #expect(try device.state(block: 0, 1024) == .unplugged)
        #expect(!device.isAccessible(block: 150))
        #expect(try device.unplugAll() == .acknowledge, "also where there is nothing")
    }

    // MARK: STATE

    /// "The device MUST set the state type in the response to VIRTIO_MEM_STATE_PLUGGED if all requested memory blocks
    /// are plugged [...] VIRTIO_MEM_STATE_UNPLUGGED if all requested memory blocks are unplugged [...] Otherwise, the
    /// device MUST set state type in the response to VIRTIO_MEM_STATE_MIXED."
    @Test func theStateIsToldToTheBlock() throws {
        #expect(try device.plug(block: 10, 5) == .acknowledge)
        #expect(try device.plug(block: 20) == .acknowledge)
        let expected: [(UInt64, UInt16, Answer)] = [
            (10, 5, .plugged), (12, 1, .plugged), (20, 1, .plugged), (0, 10, .unplugged), (15, 5, .unplugged),
            (21, 1003, .unplugged), (9, 2, .mixed), (14, 2, .mixed), (10, 11, .mixed), (0, 1024, .mixed),
        ]
        for (block, count, answer) in expected {
            #expect(try device.state(block: block, count) == answer, "\(block), \(count)")
        }
    }
}
