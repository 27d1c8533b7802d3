import Host
import SystemPackage
import Testing

@testable import KVM

/// What a vCPU's processor holds.
@Suite(.needsKVM) struct KVMStateTests {
    @Test func generalRegistersKeepWhatTheyAreGiven() throws {
        let guest = try TinyGuest([])
        var registers = Registers()
        registers.rax = 0x0101_0101_0101_0101
        registers.rbx = 0x0202_0202_0202_0202
        registers.rcx = 0x0303_0303_0303_0303
        registers.rdx = 0x0404_0404_0404_0404
        registers.rsi = 0x0505_0505_0505_0505
        registers.rdi = 0x0606_0606_0606_0606
        registers.rsp = 0x0707_0707_0707_0707
        registers.rbp = 0x0808_0808_0808_0808
        registers.r8 = .max
        registers.r9 = 9
        registers.r10 = 10
        registers.r11 = 11
        registers.r12 = 12
        registers.r13 = 13
        registers.r14 = 14
        registers.r15 = 0x8000_0000_0000_0000
        registers.rip = 0x1234
        registers.rflags = 0x246
        try guest.vcpu.setRegisters(registers)
        #expect(try guest.vcpu.registers() == registers)
    }

    @Test func theGuestSeesItsRegisters() throws {
        // out 0x10, al; mov ax, bx; out 0x10, ax
        let guest = try TinyGuest([0xE6, 0x10, 0x89, 0xD8, 0xE7, 0x10])
        var registers = try guest.vcpu.registers()
        registers.rax = 0x5A
        registers.rbx = 0xBEEF
        try guest.vcpu.setRegisters(registers)
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x5A)
        #expect(try guest.run() == .port(0x10, size: 2, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0xBEEF)
        #expect(try guest.vcpu.registers().rbx == 0xBEEF)
    }

    @Test func aRegisterDumpNamesAllOfThem() {
        var registers = Registers()
        registers.rip = 0xFFFF_FFFF_8100_0000
        registers.r15 = 0xF
        #expect(
            registers.description == """
                rip=ffffffff81000000 rflags=0000000000000002
                rax=0000000000000000 rbx=0000000000000000 rcx=0000000000000000 rdx=0000000000000000
                rsi=0000000000000000 rdi=0000000000000000 rsp=0000000000000000 rbp=0000000000000000
                r8=0000000000000000 r9=0000000000000000 r10=0000000000000000 r11=0000000000000000
                r12=0000000000000000 r13=0000000000000000 r14=0000000000000000 r15=000000000000000f
                """)
    }

    @Test func modelSpecificRegistersReachTheGuest() throws {
        // mov ecx, 0xC0000102 (KERNEL_GS_BASE); rdmsr; out 0x10, eax; mov eax, edx; out 0x10, eax
        let guest = try TinyGuest([
            0x66, 0xB9, 0x02, 0x01, 0x00, 0xC0, 0x0F, 0x32, 0x66, 0xE7, 0x10, 0x66, 0x89, 0xD0, 0x66, 0xE7, 0x10,
        ])
        try guest.vcpu.setModelSpecificRegisters([(0xC000_0102, 1), (0xC000_0102, 0x0000_7FFF_1234_5678)])
        #expect(try guest.run() == .port(0x10, size: 4, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x1234_5678)
        #expect(try guest.run() == .port(0x10, size: 4, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 0x7FFF)
    }

    @Test func theGuestSeesItsMachineCheckBanks() throws {
        // mov ecx, 0x179 (IA32_MCG_CAP); rdmsr; out 0x10, al
        let guest = try TinyGuest([0x66, 0xB9, 0x79, 0x01, 0x00, 0x00, 0x0F, 0x32, 0xE6, 0x10])
        try guest.vcpu.setMachineCheckBanks(1)
        #expect(try guest.run() == .port(0x10, size: 1, count: 1, isWrite: true))
        #expect(guest.vcpu[portData: 0] == 1)
        for count: UInt64 in [0, 33] {
            #expect(throws: SystemCallError("KVM_X86_SETUP_MCE", .invalidArgument, subject: "of vCPU 0")) {
                try guest.vcpu.setMachineCheckBanks(count)
            }
        }
    }

    @Test func aModelSpecificRegisterThatDoesNotExistIsNamed() throws {
        let guest = try TinyGuest([])
        #expect(throws: SystemCallError("KVM_SET_MSRS", .invalidArgument, subject: "of 0x12345678, vCPU 0")) {
            try guest.vcpu.setModelSpecificRegisters([(0xC000_0102, 1), (0x1234_5678, 1)])
        }
    }

    /// The guest's own view of leaf 1 and of leaf 0x0B, for each vCPU of two sockets.
    @Test func theGuestSeesItsTopology() throws {
        let layout = ProcessorLayout(sockets: 2, cores: 3, threads: 2)
        let supported = try KVMSystem().supportedCPUID()
        for index in 0..<layout.count {
            // mov eax, 1; cpuid; mov [0x500], ebx; mov eax, 0xB; mov ecx, 1; cpuid; four moves to memory; hlt
            let guest = try TinyGuest([
                0x66, 0xB8, 0x01, 0x00, 0x00, 0x00, 0x0F, 0xA2, 0x66, 0x89, 0x1E, 0x00, 0x05,
                0x66, 0xB8, 0x0B, 0x00, 0x00, 0x00, 0x66, 0xB9, 0x01, 0x00, 0x00, 0x00, 0x0F, 0xA2,
                0x66, 0xA3, 0x04, 0x05, 0x66, 0x89, 0x1E, 0x08, 0x05, 0x66, 0x89, 0x16, 0x0C, 0x05, 0xF4,
            ])
            try guest.vcpu.setCPUID(supported.forGuest(vcpu: index, in: layout, hasDeadlineTimer: true))
            #expect(try guest.run() == .halt)
            let words = (0..<4).map { word in
                guest.read(4, at: UInt64(0x500 + 4 * word)).reversed().reduce(0 as UInt32) { $0 << 8 | UInt32($1) }
            }
            #expect(words[0] >> 24 == layout.apicID(of: index))
            #expect(words[0] >> 16 & 0xFF == 8)
            guard (supported.entry(0)?.eax ?? 0) >= 0x0B else { continue }
            #expect(words[1] == 3 && words[2] == 6 && words[3] == layout.apicID(of: index))
        }
    }

    @Test func moreLeavesThanKVMTakesAreRefused() throws {
        let guest = try TinyGuest([])
        let many = CPUID(entries: Array(repeating: CPUID.Entry(leaf: 2), count: 257))
        #expect(throws: SystemCallError("KVM_SET_CPUID2", .argListTooLong, subject: "of vCPU 0")) {
            try guest.vcpu.setCPUID(many)
        }
    }
}
