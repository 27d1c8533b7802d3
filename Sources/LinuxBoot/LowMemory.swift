/// Where things lie in the first MiB. Linux copies what it needs from there before it uses that memory itself.
enum LowMemory {
    /// The global descriptor table, behind the real-mode vectors and what a BIOS keeps at 0x400.
    static let gdt: UInt64 = 0x500
    /// The boot parameters ("zero page"), one page.
    static let bootParameters: UInt64 = 0x7000
    /// One past the stack, which grows down into the page before.
    static let stackTop: UInt64 = 0x9000
    /// The page tables: at most six pages.
    static let pageTables: UInt64 = 0x9000
    /// The command line, with its terminating zero.
    static let commandLine: UInt64 = 0x2_0000
    /// End of what is usable below 640 KiB, where a BIOS would have its extended data area.
    static let usableEnd: UInt64 = 0x9_fc00
    /// The ACPI root pointer (found through the boot parameters, and where a scan of BIOS memory would find it).
    static let acpi: UInt64 = 0xe_0000
    /// Where the processor continues after a reset that goes through the BIOS; ACPI tables end before it.
    static let resetVector: UInt64 = 0xf_fff0
    /// End of the first MiB. Boot memory starts to be usable again, and kernels may be loaded.
    static let end: UInt64 = 0x10_0000
}
