import CLinux

/// A vCPU's general registers, instruction pointer and flags.
public struct Registers: Sendable, Equatable {
    public var rax: UInt64 = 0
    public var rbx: UInt64 = 0
    public var rcx: UInt64 = 0
    public var rdx: UInt64 = 0
    public var rsi: UInt64 = 0
    public var rdi: UInt64 = 0
    public var rsp: UInt64 = 0
    public var rbp: UInt64 = 0
    public var r8: UInt64 = 0
    public var r9: UInt64 = 0
    public var r10: UInt64 = 0
    public var r11: UInt64 = 0
    public var r12: UInt64 = 0
    public var r13: UInt64 = 0
    public var r14: UInt64 = 0
    public var r15: UInt64 = 0
    public var rip: UInt64 = 0
    /// Bit 1 is always set.
    public var rflags: UInt64 = 2

    public init() {}
}

extension Registers: CustomStringConvertible {
    /// Several lines, as engineers expect from a register dump.
    public var description: String {
        func line(_ pairs: [(String, UInt64)]) -> String {
            pairs.map { name, value in
                let digits = String(value, radix: 16)
                return name + "=" + String(repeating: "0", count: 16 - digits.count) + digits
            }.joined(separator: " ")
        }
        return [
            line([("rip", rip), ("rflags", rflags)]),
            line([("rax", rax), ("rbx", rbx), ("rcx", rcx), ("rdx", rdx)]),
            line([("rsi", rsi), ("rdi", rdi), ("rsp", rsp), ("rbp", rbp)]),
            line([("r8", r8), ("r9", r9), ("r10", r10), ("r11", r11)]),
            line([("r12", r12), ("r13", r13), ("r14", r14), ("r15", r15)]),
        ].joined(separator: "\n")
    }
}

extension Registers {
    init(_ registers: kvm_regs) {
        rax = registers.rax
        rbx = registers.rbx
        rcx = registers.rcx
        rdx = registers.rdx
        rsi = registers.rsi
        rdi = registers.rdi
        rsp = registers.rsp
        rbp = registers.rbp
        r8 = registers.r8
        r9 = registers.r9
        r10 = registers.r10
        r11 = registers.r11
        r12 = registers.r12
        r13 = registers.r13
        r14 = registers.r14
        r15 = registers.r15
        rip = registers.rip
        rflags = registers.rflags
    }

    var kernel: kvm_regs {
        kvm_regs(
            rax: rax, rbx: rbx, rcx: rcx, rdx: rdx, rsi: rsi, rdi: rdi, rsp: rsp, rbp: rbp, r8: r8, r9: r9, r10: r10,
            r11: r11, r12: r12, r13: r13, r14: r14, r15: r15, rip: rip, rflags: rflags)
    }
}
