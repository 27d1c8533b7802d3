import CLinux

/// A segment register with its hidden part (Intel SDM volume 3, 3.4.3).
public struct SegmentRegister: Sendable, Equatable {
    public var selector: UInt16
    public var base: UInt64
    /// In bytes, whatever the granularity.
    public var limit: UInt32
    /// Descriptor type, 4 bits.
    public var type: UInt8
    /// Whether it is a code or data segment rather than a system one.
    public var isCodeOrData: Bool
    /// 64-bit code.
    public var isLong: Bool
    /// 32-bit code or stack.
    public var isDefault32: Bool

    public init(
        selector: UInt16, base: UInt64 = 0, limit: UInt32 = 0xFFFF_FFFF, type: UInt8, isCodeOrData: Bool = true,
        isLong: Bool = false, isDefault32: Bool = false
    ) {
        self.selector = selector
        self.base = base
        self.limit = limit
        self.type = type
        self.isCodeOrData = isCodeOrData
        self.isLong = isLong
        self.isDefault32 = isDefault32
    }

    var kernel: kvm_segment {
        kvm_segment(
            base: base, limit: limit, selector: selector, type: type, present: 1, dpl: 0, db: isDefault32 ? 1 : 0,
            s: isCodeOrData ? 1 : 0, l: isLong ? 1 : 0, g: limit > 0xF_FFFF ? 1 : 0, avl: 0, unusable: 0, padding: 0)
    }
}

/// The system registers that a machine sets before a vCPU's first instruction; the others keep their reset values.
public struct SystemRegisters: Sendable, Equatable {
    public var code: SegmentRegister
    /// For DS, ES, FS, GS and SS.
    public var data: SegmentRegister
    public var task: SegmentRegister
    public var gdtBase: UInt64
    /// In bytes, less one.
    public var gdtLimit: UInt16
    public var cr0: UInt64
    public var cr3: UInt64
    public var cr4: UInt64
    public var efer: UInt64

    public init(
        code: SegmentRegister, data: SegmentRegister, task: SegmentRegister, gdtBase: UInt64, gdtLimit: UInt16,
        cr0: UInt64, cr3: UInt64, cr4: UInt64, efer: UInt64
    ) {
        self.code = code
        self.data = data
        self.task = task
        self.gdtBase = gdtBase
        self.gdtLimit = gdtLimit
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
    }

    func apply(to registers: inout kvm_sregs) {
        registers.cs = code.kernel
        registers.ds = data.kernel
        registers.es = data.kernel
        registers.fs = data.kernel
        registers.gs = data.kernel
        registers.ss = data.kernel
        registers.tr = task.kernel
        registers.gdt.base = gdtBase
        registers.gdt.limit = gdtLimit
        registers.cr0 = cr0
        registers.cr3 = cr3
        registers.cr4 = cr4
        registers.efer = efer
    }
}
