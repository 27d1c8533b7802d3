import KVM
import Testing

/// What a guest does that its VMM has to answer, and how the data go to and fro.
@Suite(.needsKVM) struct KVMExitTests {
    // MARK: Ports

    @Test func bytesGoOutToAPort() throws {
        // mov al, 0x42; out 0x10, al
        let guest = try TinyGuest([0xB0, 0x42, 0xE6, 0x10])
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x42)
        #expect(guest.vcpu[portData: 1] == 0, "there is no second element")
        #expect(guest.vcpu[portData: -1] == 0)
    }

    @Test func wordsAndDoublewordsGoOutToAPort() throws {
        // mov eax, 0x87654321; mov dx, 0x3F8; out dx, ax; out dx, eax
        let guest = try TinyGuest([0x66, 0xB8, 0x21, 0x43, 0x65, 0x87, 0xBA, 0xF8, 0x03, 0xEF, 0x66, 0xEF])
        #expect(try guest.run() == .port(0x3F8, size: 2, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x4321)
        #expect(try guest.run() == .port(0x3F8, size: 4, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x8765_4321)
    }

    @Test func whatIsGivenToAPortReadArrives() throws {
        // mov dx, 0x60; in al, dx; out 0x10, al; in ax, dx; out 0x10, ax; in eax, dx; out 0x10, eax
        let guest = try TinyGuest(
            [0xBA, 0x60, 0x00, 0xEC, 0xE6, 0x10, 0xED, 0xE7, 0x10, 0x66, 0xED, 0x66, 0xE7, 0x10])
        for (size, value) in [(1, 0xA1), (2, 0xA1B2), (4, 0xA1B2_C3D4)] as [(Int, UInt32)] {
            #expect(try guest.run() == .port(0x60, size: size, count: 1, isWrite: false))
            guest.vcpu[portData: 0] = value
            guest.vcpu[portData: 1] = .max
            #expect(try guest.run() == .port(0x10, size: size, count: 1, isWrite: true))
            #expect(guest.vcpu[portData: 0] == value)
        }
    }

    @Test(arguments: [1, 2, 4])
    func stringsGoOutToAPort(size: Int) throws {
        // cld; mov si, 0x500; mov cx, 6; mov dx, 0x20; rep outs; hlt
        let instruction: [UInt8] = size == 1 ? [0xF3, 0x6E] : size == 2 ? [0xF3, 0x6F] : [0x66, 0xF3, 0x6F]
        let guest = try TinyGuest(
            [0xFC, 0xBE, 0x00, 0x05, 0xB9, 0x06, 0x00, 0xBA, 0x20, 0x00] + instruction + [0xF4])
        let bytes = (1...24).map { UInt8($0) }
        guest.write(bytes, at: 0x500)
        var received: [UInt8] = []
        while received.count < 6 * size {
            guard case .port(0x20, size: size, let count, isWrite: true) = try guest.run() else {
                Issue.record("not a write of the string")
                return
            }
            for element in 0..<count {
                let value = guest.vcpu[portData: element]
                received += (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
            }
        }
        #expect(received == Array(bytes.prefix(6 * size)))
        #expect(try guest.run() == .halt)
    }

    @Test(arguments: [1, 2, 4])
    func stringsComeInFromAPort(size: Int) throws {
        // cld; mov di, 0x600; mov cx, 5; mov dx, 0x20; rep ins; hlt
        let instruction: [UInt8] = size == 1 ? [0xF3, 0x6C] : size == 2 ? [0xF3, 0x6D] : [0x66, 0xF3, 0x6D]
        let guest = try TinyGuest(
            [0xFC, 0xBF, 0x00, 0x06, 0xB9, 0x05, 0x00, 0xBA, 0x20, 0x00] + instruction + [0xF4])
        var given: [UInt8] = []
        while true {
            switch try guest.run() {
            case .port(0x20, size: size, let count, isWrite: false):
                for element in 0..<count {
                    let bytes = (0..<size).map { UInt8(given.count + $0 + 1) }
                    guest.vcpu[portData: element] = bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }
                    given += bytes
                }
                continue
            case .halt: break
            case let other: Issue.record("\(other)")
            }
            break
        }
        #expect(given.count == 5 * size)
        #expect(guest.read(5 * size + 1, at: 0x600) == given + [0])
    }

    // MARK: Memory-mapped registers

    @Test func accessesWithoutMemoryBehindThemAreReported() throws {
        // mov ax, 0x4000; mov ds, ax; mov eax, 0x12345678
        let setUp: [UInt8] = [0xB8, 0x00, 0x40, 0x8E, 0xD8, 0x66, 0xB8, 0x78, 0x56, 0x34, 0x12]
        // mov [0x10], al; mov [0x12], ax; mov [0x14], eax
        let writes: [UInt8] = [0xA2, 0x10, 0x00, 0xA3, 0x12, 0x00, 0x66, 0xA3, 0x14, 0x00]
        // mov al, [0x21]; out 0x10, al; mov eax, [0x24]; out 0x10, eax
        let reads: [UInt8] = [0xA0, 0x21, 0x00, 0xE6, 0x10, 0x66, 0xA1, 0x24, 0x00, 0x66, 0xE7, 0x10]
        let guest = try TinyGuest(setUp + writes + reads)
        for (address, size, value) in [
            (0x40010, 1, 0x78), (0x40012, 2, 0x5678), (0x40014, 4, 0x1234_5678),
        ] as [(UInt64, Int, UInt64)] {
            #expect(try guest.run() == .mmio(address, size: size, isWrite: true))
            #expect(guest.vcpu.mmioData == value)
        }
        for (address, size, value) in [(0x40021, 1, 0x9A), (0x40024, 4, 0x89AB_CDEF)] as [(UInt64, Int, UInt32)] {
            #expect(try guest.run() == .mmio(address, size: size, isWrite: false))
            guest.vcpu.mmioData = UInt64(value)
            #expect(try guest.run() == .port(0x10, size: size, count: 1, isWrite: true))
            #expect(guest.vcpu[portData: 0] == value)
        }
    }

    @Test func longModeReachesEightBytes() throws {
        let guest = try TinyGuest([], size: 0x10000)
        try guest.enterLongMode([
            // mov rax, 0x1122334455667788; mov [0x40000010], rax; mov rax, [0x40000020]; mov [0x500], rax
            0x48, 0xB8, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
            0x48, 0x89, 0x04, 0x25, 0x10, 0x00, 0x00, 0x40,
            0x48, 0x8B, 0x04, 0x25, 0x20, 0x00, 0x00, 0x40,
            0x48, 0x89, 0x04, 0x25, 0x00, 0x05, 0x00, 0x00,
            // out 0x10, al
            0xE6, 0x10,
        ])
        #expect(try guest.run() == .mmio(0x4000_0010, size: 8, isWrite: true))
        #expect(guest.vcpu.mmioData == 0x1122_3344_5566_7788)
        #expect(try guest.run() == .mmio(0x4000_0020, size: 8, isWrite: false))
        guest.vcpu.mmioData = 0xFEDC_BA98_7654_3210
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.read(8, at: 0x500) == [0x10, 0x32, 0x54, 0x76, 0x98, 0xBA, 0xDC, 0xFE])
    }

    // MARK: Ends

    @Test func aHaltIsReportedWithoutInterruptControllers() throws {
        let guest = try TinyGuest([0xF4])
        #expect(try guest.run() == .halt)
    }

    @Test func aTripleFaultIsAShutdown() throws {
        let guest = try TinyGuest([])
        // lidt [0x800], where there are only zeroes: no interrupt table; ud2
        try guest.enterLongMode([0x0F, 0x01, 0x1C, 0x25, 0x00, 0x08, 0x00, 0x00, 0x0F, 0x0B])
        #expect(try guest.run() == .shutdown)
    }

    // MARK: Leaving on request

    @Test func aHaltedGuestWithInterruptControllersLeavesOnRequest() throws {
        // cli; hlt
        try expectTimelyExit(of: [0xFA, 0xF4], hasIRQChip: true)
    }

    @Test func aSpinningGuestLeavesOnRequest() throws {
        // jmp $
        try expectTimelyExit(of: [0xEB, 0xFE], hasIRQChip: false)
    }

    private func expectTimelyExit(of code: [UInt8], hasIRQChip: Bool) throws {
        let guest = try TinyGuest(code, hasIRQChip: hasIRQChip)
        for _ in 0..<3 {
            let run = try TinyGuest.Run(guest.vcpu)
            #expect(!run.ends(withinMilliseconds: 50), "KVM_RUN does not return by itself")
            run.interrupt()
            #expect(run.ends(withinMilliseconds: 1000))
            #expect(try run.exit() == .interrupted)
            guest.vcpu.clearExitRequest()
        }
    }

    @Test func aRequestBeforeTheRunHolds() throws {
        let guest = try TinyGuest([0xE6, 0x10])
        guest.vcpu.requestExit()
        for _ in 0..<3 {
            #expect(try guest.run() == .interrupted)
        }
        guest.vcpu.clearExitRequest()
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
    }

    /// A request between an exit and the run that follows it must not lose what the guest is waiting for.
    @Test func aRequestDoesNotLoseTheDataOfARead() throws {
        // in al, 0x60; out 0x10, al
        let guest = try TinyGuest([0xE4, 0x60, 0xE6, 0x10])
        #expect(try guest.run() == .port(0x60, size: 1, count: 1, isWrite: false))
        guest.vcpu[portData: 0] = 0x77
        guest.vcpu.requestExit()
        #expect(try guest.run() == .interrupted)
        guest.vcpu.clearExitRequest()
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x77)
    }
}
