import GuestMemory
import Host
import KVM
import SystemPackage
import Testing

@testable import Machine

@Suite(.needsKVM) struct KVMMemorySlotsTests {
    private static let size: UInt64 = 16 << 20
    private let region: GuestMemoryRegion
    private let vm: KVMVirtualMachine

    init() throws {
        region = try GuestMemoryRegion(name: "vm0", start: GuestAddress(1 << 32), size: Self.size)
        vm = try KVMSystem().createVM()
    }

    @Test func numbersAreUsedAgain() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 32)
        func add(_ number: UInt64) throws -> UInt32 {
            try slots.addSlot(in: region, offset: number << 20, size: 1 << 20)
        }
        #expect(try (0..<4).map { try add(UInt64($0)) } == [0, 1, 2, 3])
        try slots.removeSlot(1)
        try slots.removeSlot(2)
        #expect(try Set([add(4), add(5)]) == [1, 2])
        #expect(try add(6) == 4)
        #expect(slots.live.map(\.start).sorted() == [0, 3, 4, 5, 6].map { 1 << 32 + $0 << 20 })
        #expect(slots.live.allSatisfy { $0.name == "vm0" && $0.size == 1 << 20 })
    }

    @Test func aRemovedSlotMayBeRemovedAgain() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 32)
        let number = try slots.addSlot(in: region, offset: 0, size: 1 << 20)
        try slots.removeSlot(number)
        try slots.removeSlot(number)
        try slots.removeSlot(77)
        #expect(try slots.addSlot(in: region, offset: 0, size: 1 << 20) == 0)
        #expect(try slots.addSlot(in: region, offset: 1 << 20, size: 1 << 20) == 1, "the number is free once")
    }

    @Test func theLimitIsTheHosts() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 2)
        for number in 0..<2 as Range<UInt64> {
            _ = try slots.addSlot(in: region, offset: number << 20, size: 1 << 20)
        }
        #expect(throws: MemorySlotError.exhausted(limit: 2)) {
            try slots.addSlot(in: region, offset: 2 << 20, size: 1 << 20)
        }
        try slots.removeSlot(0)
        #expect(try slots.addSlot(in: region, offset: 2 << 20, size: 1 << 20) == 0)
    }

    @Test func aRefusedSlotLeavesNoTrace() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 32)
        _ = try slots.addSlot(in: region, offset: 0, size: 1 << 20)
        for _ in 0..<2 {
            #expect(
                throws: MemorySlotError.call(SystemCallError("KVM_SET_USER_MEMORY_REGION", .fileExists))
            ) {
                try slots.addSlot(in: region, offset: 0, size: 1 << 20)
            }
        }
        #expect(slots.live.count == 1)
        #expect(try slots.addSlot(in: region, offset: 1 << 20, size: 1 << 20) == 1)
    }

    // MARK: Holes

    /// Whether a page is in no slot: another one can be made there.
    private func isFree(_ address: UInt64) -> Bool {
        do {
            for size in [4096, 0] as [UInt64] {
                try vm.setUserMemoryRegion(
                    slot: 31, guestAddress: address, size: size, hostAddress: region.hostAddress)
            }
            return true
        } catch {
            return false
        }
    }

    @Test func holesAreThereWhileSomethingIsDone() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 31)
        for number in 0..<3 as Range<UInt64> {
            _ = try slots.addSlot(in: region, offset: number << 20, size: 1 << 20)
        }
        let start: UInt64 = 1 << 32
        let holes = [start + 0x1000..<start + 0x2000, start + 0xF_F000..<start + 0x10_1000]
        let before = slots.live.map(\.addresses).sorted { $0.lowerBound < $1.lowerBound }
        let probes = [0, 0x1000, 0x2000, 0xF_E000, 0xF_F000, 0x10_0000, 0x10_1000, 0x20_0000].map { start + $0 }
        let free = try slots.leavingOut(holes) { probes.map { isFree($0) } }
        #expect(free == [false, true, false, false, true, true, false, false])
        #expect(probes.allSatisfy { !isFree($0) }, "all is as before")
        #expect(slots.live.map(\.addresses).sorted { $0.lowerBound < $1.lowerBound } == before)
        #expect(try slots.addSlot(in: region, offset: 3 << 20, size: 1 << 20) == 3)
    }

    @Test func holesThatTakeTooManySlotsChangeNothing() throws {
        let slots = KVMMemorySlots(vm: vm, limit: 2)
        _ = try slots.addSlot(in: region, offset: 0, size: 4 << 20)
        let start: UInt64 = 1 << 32
        let holes = (1...3).map { start + UInt64($0) << 20..<start + UInt64($0) << 20 + 0x1000 }
        #expect(throws: MemorySlotError.exhausted(limit: 2)) {
            try slots.leavingOut(holes) { Issue.record("there are no holes") }
        }
        #expect(!isFree(start) && !isFree(start + 2 << 20))
        #expect(try slots.addSlot(in: region, offset: 4 << 20, size: 1 << 20) == 1)
    }
}
