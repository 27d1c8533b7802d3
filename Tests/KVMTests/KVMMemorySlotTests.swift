import Host
import SystemPackage
import Testing

@testable import KVM

@Suite(.needsKVM) struct KVMMemorySlotTests {
    private static let window: UInt64 = 0x4_0000

    /// A guest that reads a byte at 0x40000, writes it to a port, and does so again, for ever.
    private func makeReader() throws -> TinyGuest {
        // mov ax, 0x4000; mov ds, ax; again: mov al, [0]; out 0x10, al; jmp again
        try TinyGuest([0xB8, 0x00, 0x40, 0x8E, 0xD8, 0xA0, 0x00, 0x00, 0xE6, 0x10, 0xEB, 0xF9])
    }

    private func expectByte(_ byte: UInt32, _ guest: TinyGuest) throws {
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == byte)
    }

    private func answerRead(_ byte: UInt64, _ guest: TinyGuest) throws {
        #expect(try guest.run() == .mmio(Self.window, size: 1, isWrite: false))
        guest.vcpu.mmioData = byte
        try expectByte(UInt32(byte), guest)
    }

    /// However much of the guest's page tables goes with a slot.
    @Test(arguments: [false, true]) func aSlotIsMemoryFromWhenItIsAddedUntilItIsRemoved(alone: Bool) throws {
        let guest = try makeReader()
        let zapsAll = KVMVirtualMachine.slotZapAllQuirk
        if alone, guest.system.value(of: .disableQuirks) & zapsAll != 0 {
            try guest.vm.disableQuirks(zapsAll)
        }
        let memory = try MemoryMapping(anonymous: hostPageSize)
        memory.base.storeBytes(of: 0x55, as: UInt8.self)
        try answerRead(0x11, guest)
        try guest.vm.setUserMemoryRegion(
            slot: 7, guestAddress: Self.window, size: hostPageSize, hostAddress: memory.address)
        try expectByte(0x55, guest)
        memory.base.storeBytes(of: 0x66, as: UInt8.self)
        try expectByte(0x66, guest)
        try guest.vm.setUserMemoryRegion(slot: 7, guestAddress: Self.window, size: 0, hostAddress: 0)
        try answerRead(0x22, guest)
        try guest.vm.setUserMemoryRegion(
            slot: 7, guestAddress: Self.window, size: hostPageSize, hostAddress: memory.address)
        try expectByte(0x66, guest)
    }

    /// The protection that unplugged blocks in a live slot have.
    @Test func inaccessibleMemoryInALiveSlotIsOutOfReachUntilItIsAccessible() throws {
        let guest = try makeReader()
        let memory = try MemoryMapping(anonymous: hostPageSize)
        try guest.vm.setUserMemoryRegion(
            slot: 1, guestAddress: Self.window, size: hostPageSize, hostAddress: memory.address)
        memory.base.storeBytes(of: 0x55, as: UInt8.self)
        try expectByte(0x55, guest)
        try memory.protect(0..<hostPageSize, .inaccessible)
        for _ in 0..<2 {
            if KVMHost.isSoftware {
                // Its instruction emulator takes memory that it can't reach for a device's.
                try answerRead(0x33, guest)
            } else {
                #expect(try guest.run() == .memoryFault)
            }
        }
        try memory.protect(0..<hostPageSize, .readWrite)
        try expectByte(0x55, guest)
    }

    @Test func overlappingSlotsAreRefused() throws {
        let guest = try TinyGuest([])
        #expect(throws: SystemCallError("KVM_SET_USER_MEMORY_REGION", .fileExists)) {
            try guest.vm.setUserMemoryRegion(
                slot: 1, guestAddress: 0x1000, size: hostPageSize, hostAddress: guest.memory.address)
        }
    }

    @Test func aSlotNumberThatKVMDoesNotHaveIsRefused() throws {
        let guest = try TinyGuest([])
        let limit = UInt32(guest.system.value(of: .memorySlots))
        #expect(throws: SystemCallError("KVM_SET_USER_MEMORY_REGION", .invalidArgument)) {
            try guest.vm.setUserMemoryRegion(
                slot: limit, guestAddress: Self.window, size: hostPageSize, hostAddress: guest.memory.address)
        }
    }
}
