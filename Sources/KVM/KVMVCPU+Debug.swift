import CLinux
import Host
import SystemPackage

/// Running a single instruction, and undoing it. To be called outside of the guest.
extension KVMVCPU {
    /// What an instruction may change of a processor, and what it is interrupted by.
    public struct State: Sendable {
        public var registers: Registers
        fileprivate var system: kvm_sregs
        fileprivate var events: kvm_vcpu_events
        fileprivate var debug: kvm_debugregs
        /// `struct kvm_xsave`.
        fileprivate var floatingPoint: [UInt8]

        /// The linear address of the next instruction.
        public var instructionAddress: UInt64 {
            system.cs.l != 0 ? registers.rip : system.cs.base &+ registers.rip
        }

        /// The linear address of the stack's top.
        public var stackAddress: UInt64 {
            system.cs.l != 0 ? registers.rsp : system.ss.base &+ registers.rsp
        }

        /// Whether an exception or interrupt was on its way to the guest's handler.
        public var isDelivering: Bool {
            events.exception.injected != 0 || events.interrupt.injected != 0 || events.nmi.injected != 0
        }

        /// Whether the processor is in 64-bit mode or its compatibility mode (EFER.LMA).
        public var isLongMode: Bool { system.efer & 1 << 10 != 0 }

        /// The linear address of the interrupt descriptor table.
        public var interruptTable: UInt64 { system.idt.base }
    }

    /// Bytes of `struct kvm_xsave`, as long as no guest may use more (ARCH_REQ_XCOMP_GUEST_PERM).
    private static let floatingPointSize = 4096

    /// Takes down the processor's state (sections 4.11, 4.13, 4.31, 4.33, 4.42).
    public func saveState() throws(SystemCallError) -> State {
        var (system, events, debug) = (kvm_sregs(), kvm_vcpu_events(), kvm_debugregs())
        var floatingPoint = [UInt8](repeating: 0, count: Self.floatingPointSize)
        // First: where KVM is in the middle of an instruction, it makes the registers what the others then build on.
        let registers = try registers()
        try call("KVM_GET_SREGS", CL_KVM_GET_SREGS, &system)
        try call("KVM_GET_VCPU_EVENTS", CL_KVM_GET_VCPU_EVENTS, &events)
        try call("KVM_GET_DEBUGREGS", CL_KVM_GET_DEBUGREGS, &debug)
        try callWithFloatingPoint("KVM_GET_XSAVE", CL_KVM_GET_XSAVE, &floatingPoint)
        return State(
            registers: registers, system: system, events: events, debug: debug, floatingPoint: floatingPoint)
    }

    /// Puts a state back.
    public func restore(_ state: State) throws(SystemCallError) {
        var state = state
        try callWithFloatingPoint("KVM_SET_XSAVE", CL_KVM_SET_XSAVE, &state.floatingPoint)
        try call("KVM_SET_SREGS", CL_KVM_SET_SREGS, &state.system)
        try setRegisters(state.registers)
        try call("KVM_SET_DEBUGREGS", CL_KVM_SET_DEBUGREGS, &state.debug)
        // Last: the others drop what was on its way.
        try call("KVM_SET_VCPU_EVENTS", CL_KVM_SET_VCPU_EVENTS, &state.events)
    }

    /// Makes `run()` return `stepped` behind the next instruction, with no interrupt in between, or before an
    /// instruction at one of the addresses (section 4.87 `KVM_SET_GUEST_DEBUG`).
    ///
    /// - Parameter breakpoints: linear addresses; only the first four count.
    public func startStepping(breakpoints: [UInt64]) throws(SystemCallError) {
        var debug = kvm_guest_debug()
        debug.control = UInt32(KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP) | Self.blockInterrupts
        if !breakpoints.isEmpty {
            debug.control |= UInt32(KVM_GUESTDBG_USE_HW_BP)
            unsafe withUnsafeMutableBytes(of: &debug.arch.debugreg) { bytes in
                let registers = unsafe bytes.bindMemory(to: UInt64.self)
                for (index, address) in breakpoints.prefix(4).enumerated() {
                    unsafe registers[index] = address
                    // DR7: the breakpoint is on, and length and type 0 are those of an instruction.
                    unsafe registers[7] |= 1 << UInt64(2 * index)
                }
            }
        }
        try call("KVM_SET_GUEST_DEBUG", CL_KVM_SET_GUEST_DEBUG, &debug)
    }

    /// KVM_GUESTDBG_BLOCKIRQ, whose macro has a shift by name; kernels before 5.15 take no notice of it.
    private static let blockInterrupts: UInt32 = 0x0010_0000

    /// Ends what `startStepping` began.
    public func stopStepping() throws(SystemCallError) {
        var debug = kvm_guest_debug()
        try call("KVM_SET_GUEST_DEBUG", CL_KVM_SET_GUEST_DEBUG, &debug)
    }

    /// The guest-physical address behind a linear one, by the guest's page tables (section 4.24 `KVM_TRANSLATE`).
    ///
    /// - Returns: nil where they lead nowhere.
    public func translate(_ linear: UInt64) -> UInt64? {
        var translation = kvm_translation()
        translation.linear_address = linear
        do {
            try call("KVM_TRANSLATE", CL_KVM_TRANSLATE, &translation)
        } catch {
            return nil
        }
        return translation.valid != 0 ? translation.physical_address : nil
    }

    private func callWithFloatingPoint(
        _ name: String, _ request: UInt, _ bytes: inout [UInt8]
    ) throws(SystemCallError) {
        let result = unsafe bytes.withUnsafeMutableBytes { buffer in
            rawCall(request, UInt(bitPattern: buffer.baseAddress))
        }
        if result < 0 {
            throw SystemCallError(name, Errno(rawValue: CInt(-result)), subject: "of vCPU \(id)")
        }
    }
}
