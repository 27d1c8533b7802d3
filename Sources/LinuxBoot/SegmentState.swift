/// A segment register with its hidden part, as the processor holds it (Intel SDM volume 3, 3.4.3 and 24.4.1), and as
/// its descriptor stands in the global descriptor table.
public struct SegmentState: Sendable, Equatable {
    public var selector: UInt16
    public var base: UInt64
    /// The last valid offset, in bytes.
    public var limit: UInt32
    /// Type field: 11 is code that is executable, readable and accessed, 3 data that is writable and accessed; for a
    /// system segment, 11 is a busy task state segment.
    public var type: UInt8
    /// Whether it is a code or data segment, not a system segment (the S bit).
    public var isCodeOrData: Bool
    /// Whether it holds 64-bit code (the L bit).
    public var isLong: Bool
    /// Default operation size of 32 bits (the D/B bit).
    public var isDefault32: Bool
    /// Whether the descriptor counts its limit in units of 4 KiB (the G bit).
    public var isPageGranular: Bool

    /// Descriptor privilege level. All that a boot needs runs at level 0.
    public var privilegeLevel: UInt8 { 0 }
    /// Whether the segment is present (the P bit).
    public var isPresent: Bool { true }

    /// The lower 8 bytes of its descriptor; those above are zero for a base below 4 GiB.
    var descriptor: UInt64 {
        let shownLimit = UInt64(isPageGranular ? limit >> 12 : limit)
        let access = UInt64(type) | (isCodeOrData ? 1 << 4 : 0) | UInt64(privilegeLevel) << 5 | (isPresent ? 1 << 7 : 0)
        let flags: UInt64 = (isLong ? 1 << 1 : 0) | (isDefault32 ? 1 << 2 : 0) | (isPageGranular ? 1 << 3 : 0)
        return shownLimit & 0xffff
            | (base & 0xff_ffff) << 16
            | access << 40
            | (shownLimit >> 16 & 0xf) << 48
            | flags << 52
            | (base >> 24 & 0xff) << 56
    }

    /// `__BOOT_CS` of the 64-bit boot protocol: flat, execute and read.
    static let bootCode = SegmentState(
        selector: 0x10, base: 0, limit: .max, type: 11, isCodeOrData: true, isLong: true, isDefault32: false,
        isPageGranular: true)
    /// `__BOOT_DS` of the 64-bit boot protocol: flat, read and write.
    static let bootData = SegmentState(
        selector: 0x18, base: 0, limit: .max, type: 3, isCodeOrData: true, isLong: false, isDefault32: true,
        isPageGranular: true)
    /// Virtualization wants a busy task state segment in 64-bit mode; nothing uses it before the kernel has its own.
    static let bootTask = SegmentState(
        selector: 0x20, base: 0, limit: 0x67, type: 11, isCodeOrData: false, isLong: false, isDefault32: false,
        isPageGranular: false)
}
