import Glibc
import Host
import SystemPackage
import Testing

@testable import KVM

/// Events between guest and VMM that need no exit.
@Suite(.needsKVM) struct KVMEventTests {
    // MARK: ioeventfd

    @Test func aNotificationSignalsItsEventInsteadOfLeavingTheGuest() throws {
        // mov ax, 0x4000; mov ds, ax; mov eax, 1; mov [0x50], eax; mov eax, 2; mov [0x50], eax; out 0x10, al
        let guest = try TinyGuest(
            [
                0xB8, 0x00, 0x40, 0x8E, 0xD8, 0x66, 0xB8, 0x01, 0x00, 0x00, 0x00, 0x66, 0xA3, 0x50, 0x00,
                0x66, 0xB8, 0x02, 0x00, 0x00, 0x00, 0x66, 0xA3, 0x50, 0x00, 0xE6, 0x10,
            ], hasIRQChip: true)
        let (first, second) = (try EventDescriptor(), try EventDescriptor())
        try guest.vm.assignNotification(first, address: 0x40050, value: 1)
        try guest.vm.assignNotification(second, address: 0x40050, value: 2)
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(first.drain() == 1)
        #expect(second.drain() == 1)
    }

    @Test func otherValuesAndWidthsStillLeaveTheGuest() throws {
        // mov ax, 0x4000; mov ds, ax; mov eax, 3; mov [0x50], eax; mov [0x50], al; mov [0x54], eax
        let guest = try TinyGuest(
            [
                0xB8, 0x00, 0x40, 0x8E, 0xD8, 0x66, 0xB8, 0x03, 0x00, 0x00, 0x00, 0x66, 0xA3, 0x50, 0x00,
                0xA2, 0x50, 0x00, 0x66, 0xA3, 0x54, 0x00,
            ], hasIRQChip: true)
        let event = try EventDescriptor()
        try guest.vm.assignNotification(event, address: 0x40050, value: 1)
        #expect(try guest.run() == .mmio(0x40050, size: 4, isWrite: true))
        #expect(try guest.run() == .mmio(0x40050, size: 1, isWrite: true))
        #expect(try guest.run() == .mmio(0x40054, size: 4, isWrite: true))
        #expect(event.drain() == 0)
    }

    @Test func aNotificationIsAssignedOnce() throws {
        let guest = try TinyGuest([], hasIRQChip: true)
        let event = try EventDescriptor()
        try guest.vm.assignNotification(event, address: 0x40050, value: 0)
        #expect(throws: SystemCallError("KVM_IOEVENTFD", .fileExists)) {
            try guest.vm.assignNotification(event, address: 0x40050, value: 0)
        }
    }

    // MARK: irqfd

    @Test func anEventInterruptsAHaltedGuest() throws {
        let guest = try TinyGuest([], hasIRQChip: true)
        try guest.enterLongMode(Self.waiter)
        try Self.writeInterruptTable(into: guest)
        let event = try EventDescriptor()
        try guest.vm.assignInterrupt(event, gsi: 5)
        #expect(try guest.run() == .port(0x11, size: 1, count: 1, isWrite: true), "it is set up")
        for _ in 0..<3 {
            let run = try TinyGuest.Run(guest.vcpu)
            #expect(!run.ends(withinMilliseconds: 30), "it halts")
            event.signal()
            #expect(try run.exit() == .port(0x10, size: 1, count: 1, isWrite: true), "the handler runs")
        }
    }

    @Test func anInterruptOfBeforeTheRunIsNotLost() throws {
        let guest = try TinyGuest([], hasIRQChip: true)
        try guest.enterLongMode(Self.waiter)
        try Self.writeInterruptTable(into: guest)
        let event = try EventDescriptor()
        try guest.vm.assignInterrupt(event, gsi: 5)
        #expect(try guest.run() == .port(0x11, size: 1, count: 1, isWrite: true))
        event.signal()
        // The kernel takes the event on a thread of its own.
        usleep(20_000)
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
    }

    /// By a call, nobody else takes part.
    @Test func aPulseInterrupts() throws {
        let guest = try TinyGuest([], hasIRQChip: true)
        try guest.enterLongMode(Self.waiter)
        try Self.writeInterruptTable(into: guest)
        #expect(try guest.run() == .port(0x11, size: 1, count: 1, isWrite: true))
        for _ in 0..<2 {
            guest.vm.pulseInterrupt(gsi: 5)
            #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true), "one of before the run")
            let run = try TinyGuest.Run(guest.vcpu)
            #expect(!run.ends(withinMilliseconds: 30), "there is one for each pulse")
            guest.vm.pulseInterrupt(gsi: 5)
            #expect(try run.exit() == .port(0x10, size: 1, count: 1, isWrite: true), "the handler runs")
        }
    }

    @Test func aMissingInterruptControllerIsAnError() throws {
        let guest = try TinyGuest([])
        let event = try EventDescriptor()
        #expect(throws: SystemCallError.self) { try guest.vm.assignInterrupt(event, gsi: 5) }
    }

    /// Masks the PICs, has the IOAPIC send line 5 as vector 0x40, says so by port 0x11, and halts for ever.
    private static let waiter: [UInt8] = [
        0xB0, 0xFF, 0xE6, 0x21, 0xE6, 0xA1,  // mov al, 0xFF; out 0x21, al; out 0xA1, al
        0x0F, 0x01, 0x1C, 0x25, 0x00, 0x08, 0x00, 0x00,  // lidt [0x800]
        // The local APIC: software enable, spurious vector 0xFF.
        0xBE, 0x00, 0x00, 0xE0, 0xFE,  // mov esi, 0xFEE00000
        0xC7, 0x86, 0xF0, 0x00, 0x00, 0x00, 0xFF, 0x01, 0x00, 0x00,  // mov dword [rsi+0xF0], 0x1FF
        // The redirection entry of pin 5: registers 0x1A and 0x1B.
        0xBB, 0x00, 0x00, 0xC0, 0xFE,  // mov ebx, 0xFEC00000
        0xC7, 0x03, 0x1B, 0x00, 0x00, 0x00,  // mov dword [rbx], 0x1B
        0xC7, 0x43, 0x10, 0x00, 0x00, 0x00, 0x00,  // mov dword [rbx+0x10], 0
        0xC7, 0x03, 0x1A, 0x00, 0x00, 0x00,  // mov dword [rbx], 0x1A
        0xC7, 0x43, 0x10, 0x40, 0x00, 0x00, 0x00,  // mov dword [rbx+0x10], 0x40
        0xE6, 0x11,  // out 0x11, al
        0xFB, 0xF4, 0xEB, 0xFC,  // sti; again: hlt; jmp again (to sti)
    ]

    /// An interrupt table whose vector 0x40 writes to port 0x10, tells the APIC, and returns.
    private static func writeInterruptTable(into guest: TinyGuest) throws {
        let (table, handler) = (0xA000, 0xC000) as (UInt64, UInt64)
        guest.write([0xFF, 0x0F] + (0..<8).map { UInt8(truncatingIfNeeded: table >> (8 * $0)) }, at: 0x800)
        let gate: [UInt8] = [
            UInt8(handler & 0xFF), UInt8(handler >> 8), 0x10, 0x00, 0x00, 0x8E, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ]
        guest.write(gate, at: table + 0x40 * 16)
        // out 0x10, al; mov dword [rsi+0xB0], 0; iretq
        guest.write(
            [0xE6, 0x10, 0xC7, 0x86, 0xB0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x48, 0xCF], at: handler)
        // The descriptor table that the handler's code segment is loaded from, and the stack's on the way back.
        guest.write([0xFF, 0xFF, 0, 0, 0, 0x9B, 0xAF, 0], at: 0x500 + 0x10)
        guest.write([0xFF, 0xFF, 0, 0, 0, 0x93, 0xCF, 0], at: 0x500 + 0x18)
    }
}
