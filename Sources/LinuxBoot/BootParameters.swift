/// The page of boot parameters (`struct boot_params`) that the kernel is entered with: Linux, Documentation/arch/x86,
/// "zero-page" and "boot", arch/x86/include/uapi/asm/bootparam.h.
struct BootParameters {
    var memoryMap: [E820Entry]
    var commandLineAddress: UInt64
    var commandLineLimit: Int
    /// Where the initial RAM disk is; empty without one.
    var initrd: Range<UInt64>
    /// Address of the ACPI root pointer; 0 without ACPI.
    var acpiRootPointer: UInt64

    static let size = 4096
    /// How many entries of the memory map there is room for (`E820_MAX_ENTRIES_ZEROPAGE`).
    static let memoryMapLimit = 128

    /// Offsets of fields, by their names in `struct boot_params` and `struct setup_header`.
    private enum Field {
        static let acpiRsdpAddress = 0x70
        static let extRamdiskImage = 0xc0
        static let extRamdiskSize = 0xc4
        static let extCommandLinePointer = 0xc8
        static let e820Entries = 0x1e8
        static let bootFlag = 0x1fe
        static let header = 0x202
        static let version = 0x206
        static let typeOfLoader = 0x210
        static let loadFlags = 0x211
        static let ramdiskImage = 0x218
        static let ramdiskSize = 0x21c
        static let commandLinePointer = 0x228
        static let commandLineSize = 0x238
        static let e820Table = 0x2d0
    }

    /// The page as the kernel reads it.
    func bytes() -> [UInt8] {
        precondition(memoryMap.count <= Self.memoryMapLimit, "the caller checks the number of ranges")
        var page = [UInt8](repeating: 0, count: Self.size)
        page.store(littleEndian: acpiRootPointer, at: Field.acpiRsdpAddress)

        page.store(littleEndian: UInt16(0xaa55), at: Field.bootFlag)
        page.store(littleEndian: UInt32(0x5372_6448), at: Field.header)  // "HdrS"
        page.store(littleEndian: UInt16(0x020f), at: Field.version)  // boot protocol 2.15
        page[Field.typeOfLoader] = 0xff  // a loader without a number of its own
        page[Field.loadFlags] = 1  // LOADED_HIGH
        page.store(littleEndian: UInt32(commandLineLimit), at: Field.commandLineSize)
        page.store(littleEndian: UInt32(truncatingIfNeeded: commandLineAddress), at: Field.commandLinePointer)
        page.store(littleEndian: UInt32(commandLineAddress >> 32), at: Field.extCommandLinePointer)

        let initrdStart = initrd.isEmpty ? 0 : initrd.lowerBound
        let initrdSize = UInt64(initrd.count)
        page.store(littleEndian: UInt32(truncatingIfNeeded: initrdStart), at: Field.ramdiskImage)
        page.store(littleEndian: UInt32(initrdStart >> 32), at: Field.extRamdiskImage)
        page.store(littleEndian: UInt32(truncatingIfNeeded: initrdSize), at: Field.ramdiskSize)
        page.store(littleEndian: UInt32(initrdSize >> 32), at: Field.extRamdiskSize)

        page[Field.e820Entries] = UInt8(memoryMap.count)
        for (index, entry) in memoryMap.enumerated() {
            let offset = Field.e820Table + index * 20
            page.store(littleEndian: entry.range.lowerBound, at: offset)
            page.store(littleEndian: entry.range.upperBound - entry.range.lowerBound, at: offset + 8)
            page.store(littleEndian: entry.kind.rawValue, at: offset + 16)
        }
        return page
    }
}
