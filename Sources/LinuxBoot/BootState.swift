/// What the registers of the bootstrap processor hold when it enters the kernel (Linux, Documentation/arch/x86/boot,
/// "64-bit boot protocol"). General registers that are not named are zero.
public struct BootState: Sendable, Equatable {
    /// The kernel's 64-bit entry point.
    public var rip: UInt64
    /// Guest-physical address of the boot parameters.
    public var rsi: UInt64
    /// A small stack, good for hand-written guests: Linux brings its own.
    public var rsp: UInt64
    /// Interrupts are off.
    public var rflags: UInt64 { 0x2 }

    /// Protected mode, paging, and the bits that 64-bit systems expect: PE, MP, ET, NE, WP, AM, PG.
    public var cr0: UInt64 { 0x8005_0033 }
    /// Guest-physical address of the page tables.
    public var cr3: UInt64
    /// Physical address extension.
    public var cr4: UInt64 { 0x20 }
    /// Long mode enabled and active.
    public var efer: UInt64 { 0x500 }

    /// Guest-physical address of the global descriptor table.
    public var gdtBase: UInt64
    /// Its last valid offset.
    public var gdtLimit: UInt16

    public var codeSegment: SegmentState { .bootCode }
    /// For DS, ES, FS, GS and SS.
    public var dataSegment: SegmentState { .bootData }
    public var taskSegment: SegmentState { .bootTask }
}
