import KVM

extension TinyGuest {
    /// Makes the vCPU start code at `entry` in 64-bit mode, with the first 4 GiB mapped to themselves.
    func enterLongMode(_ code: [UInt8]) throws {
        write(code, at: UInt64(Self.entry))
        let (root, pointers, directories) = (0x2000, 0x3000, 0x4000) as (UInt64, UInt64, UInt64)
        writeEntry(pointers | 3, at: root)
        for gibibyte in 0..<4 as Range<UInt64> {
            let directory = directories + gibibyte * 0x1000
            writeEntry(directory | 3, at: pointers + 8 * gibibyte)
            for page in 0..<512 as Range<UInt64> {
                // Present, writable, a page of 2 MiB.
                writeEntry(gibibyte << 30 | page << 21 | 0x83, at: directory + 8 * page)
            }
        }
        try vcpu.setSystemRegisters(
            SystemRegisters(
                code: SegmentRegister(selector: 0x10, type: 11, isLong: true),
                data: SegmentRegister(selector: 0x18, type: 3, isDefault32: true),
                task: SegmentRegister(selector: 0x20, limit: 0x67, type: 11, isCodeOrData: false),
                gdtBase: 0x500, gdtLimit: 0x2F, cr0: 0x8005_0033, cr3: root, cr4: 0x20, efer: 0x500))
        var registers = Registers()
        registers.rip = UInt64(Self.entry)
        registers.rsp = 0x9000
        try vcpu.setRegisters(registers)
    }

    private func writeEntry(_ value: UInt64, at address: UInt64) {
        write((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }, at: address)
    }
}
