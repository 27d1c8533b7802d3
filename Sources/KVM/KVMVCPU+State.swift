import CLinux
import Host
import SystemPackage

/// What a vCPU's processor holds. To be called by the thread that runs it, outside of the guest.
extension KVMVCPU {
    /// The general registers (section 4.11 `KVM_GET_REGS`).
    public func registers() throws(SystemCallError) -> Registers {
        var registers = kvm_regs()
        try call("KVM_GET_REGS", CL_KVM_GET_REGS, &registers)
        return Registers(registers)
    }

    /// Sets the general registers (section 4.12).
    public func setRegisters(_ registers: Registers) throws(SystemCallError) {
        var kernel = registers.kernel
        try call("KVM_SET_REGS", CL_KVM_SET_REGS, &kernel)
    }

    /// Sets segments, control registers and EFER; the others stay as they are (sections 4.13, 4.14).
    public func setSystemRegisters(_ registers: SystemRegisters) throws(SystemCallError) {
        var kernel = kvm_sregs()
        try call("KVM_GET_SREGS", CL_KVM_GET_SREGS, &kernel)
        registers.apply(to: &kernel)
        try call("KVM_SET_SREGS", CL_KVM_SET_SREGS, &kernel)
    }

    /// Makes real mode start at an address below 1 MiB, paragraph-aligned: code segment base there, IP 0. For tests
    /// with tiny guests, and what firmware would need.
    public func setRealMode(at address: UInt32) throws(SystemCallError) {
        var kernel = kvm_sregs()
        try call("KVM_GET_SREGS", CL_KVM_GET_SREGS, &kernel)
        kernel.cs.base = UInt64(address)
        kernel.cs.selector = UInt16(truncatingIfNeeded: address >> 4)
        try call("KVM_SET_SREGS", CL_KVM_SET_SREGS, &kernel)
        var registers = Registers()
        registers.rip = 0
        try setRegisters(registers)
    }

    /// Tells a guest that uses KVM's clock that it was paused, so that its watchdog does not bark (section 4.70
    /// `KVM_KVMCLOCK_CTRL`). Other guests don't mind.
    public func notifyPaused() {
        _ = rawCall(CL_KVM_KVMCLOCK_CTRL, 0)
    }

    /// Sets the CPUID leaves that the guest sees (section 4.20 `KVM_SET_CPUID2`).
    ///
    /// - Throws: `SystemCallError`: EINVAL where KVM can't give one of them, E2BIG where there are too many.
    public func setCPUID(_ cpuid: CPUID) throws(SystemCallError) {
        guard var table = cpuid.kernel else {
            throw SystemCallError("KVM_SET_CPUID2", .argListTooLong, subject: "of vCPU \(id)")
        }
        try call("KVM_SET_CPUID2", CL_KVM_SET_CPUID2, &table)
    }

    /// Sets how many banks of machine-check registers there are, 1 to 32 (section 4.104 `KVM_X86_SETUP_MCE`).
    public func setMachineCheckBanks(_ count: UInt64) throws(SystemCallError) {
        // Bits 7 to 0 of IA32_MCG_CAP.
        var capability = count
        try call("KVM_X86_SETUP_MCE", CL_KVM_X86_SETUP_MCE, &capability)
    }

    /// Sets model-specific registers, in order (section 4.19 `KVM_SET_MSRS`).
    ///
    /// - Throws: `SystemCallError`: EINVAL with the register's number where one can't be set.
    public func setModelSpecificRegisters(_ values: [(index: UInt32, data: UInt64)]) throws(SystemCallError) {
        for (index, data) in values {
            var table = cl_msrs()
            table.nmsrs = 1
            table.entries.0 = kvm_msr_entry(index: index, reserved: 0, data: data)
            // The call returns how many it has set.
            let result = unsafe withUnsafeMutablePointer(to: &table) { pointer in
                rawCall(CL_KVM_SET_MSRS, UInt(bitPattern: pointer))
            }
            guard result == 1 else {
                throw SystemCallError(
                    "KVM_SET_MSRS", result < 0 ? Errno(rawValue: CInt(-result)) : .invalidArgument,
                    subject: "of \(hex(UInt64(index))), vCPU \(id)")
            }
        }
    }
}
