import CLinux
import Host
import SystemPackage

/// A virtual machine of KVM: memory slots, interrupt controllers and event descriptors (kernel document virt/kvm/api).
///
/// It ends when this object and its vCPUs are gone.
public final class KVMVirtualMachine: Sendable {
    private let vm: OwnedFileDescriptor
    /// Bytes of memory that each vCPU shares with the kernel.
    private let runSize: Int

    init(_ vm: consuming OwnedFileDescriptor, runSize: Int) {
        self.vm = vm
        self.runSize = runSize
    }

    /// Sets where Intel processors keep three pages of KVM's own in guest-physical space (section 4.35); AMD's need
    /// none and accept it.
    public func setTSSAddress(_ address: UInt64) throws(SystemCallError) {
        try call("KVM_SET_TSS_ADDR", CL_KVM_SET_TSS_ADDR, UInt(address))
    }

    /// Sets where Intel processors keep one more page of KVM's own (section 4.36).
    public func setIdentityMapAddress(_ address: UInt64) throws(SystemCallError) {
        var address = address
        try unsafe call("KVM_SET_IDENTITY_MAP_ADDR", CL_KVM_SET_IDENTITY_MAP_ADDR, &address)
    }

    /// Makes every instruction that KVM can't emulate an exit, those of CPL 3 too (section 7.26
    /// `KVM_CAP_EXIT_ON_EMULATION_FAILURE`).
    public func exitOnEmulationFailure() throws(SystemCallError) {
        try enable(KVM_CAP_EXIT_ON_EMULATION_FAILURE, 1)
    }

    /// `KVM_X86_QUIRK_SLOT_ZAP_ALL`, which kernel headers have from 6.12.
    public static let slotZapAllQuirk = 1 << 7

    /// Frees the virtual machine of KVM's old habits (section 7.31 `KVM_CAP_DISABLE_QUIRKS2`).
    ///
    /// - Parameter quirks: bits of what `KVMCapability.disableQuirks` has as its value.
    public func disableQuirks(_ quirks: Int) throws(SystemCallError) {
        try enable(KVM_CAP_DISABLE_QUIRKS2, UInt64(quirks))
    }

    private func enable(_ number: CInt, _ argument: UInt64) throws(SystemCallError) {
        var capability = kvm_enable_cap()
        capability.cap = UInt32(number)
        capability.args.0 = argument
        try unsafe call("KVM_ENABLE_CAP", CL_KVM_ENABLE_CAP, &capability)
    }

    /// Makes the interrupt controllers: two PICs, one IOAPIC of 24 pins at 0xFEC00000, a local APIC per vCPU (section
    /// 4.24). GSIs 0 to 15 go to both PIC and IOAPIC, 16 to 23 to the IOAPIC.
    public func createIRQChip() throws(SystemCallError) {
        try call("KVM_CREATE_IRQCHIP", CL_KVM_CREATE_IRQCHIP, 0)
    }

    /// Makes a range of guest-physical addresses memory, or changes or removes the slot's range (section 4.18).
    ///
    /// - Parameters:
    ///   - size: bytes, a multiple of the page size; 0 removes the slot.
    ///   - hostAddress: where the process has the memory. It must stay mapped, accessible or not, while the slot lives.
    /// - Throws: `SystemCallError`: EEXIST where slots overlap, EINVAL for a slot number that KVM doesn't have.
    public func setUserMemoryRegion(
        slot: UInt32, guestAddress: UInt64, size: UInt64, hostAddress: UInt64
    ) throws(SystemCallError) {
        var region = kvm_userspace_memory_region(
            slot: slot, flags: 0, guest_phys_addr: guestAddress, memory_size: size, userspace_addr: hostAddress)
        try unsafe call("KVM_SET_USER_MEMORY_REGION", CL_KVM_SET_USER_MEMORY_REGION, &region)
    }

    /// Makes each signal of the event a pulse on an interrupt line (section 4.75).
    public func assignInterrupt(_ event: EventDescriptor, gsi: UInt32) throws(SystemCallError) {
        var irqfd = kvm_irqfd()
        irqfd.fd = UInt32(bitPattern: event.descriptor.rawValue)
        irqfd.gsi = gsi
        try unsafe call("KVM_IRQFD", CL_KVM_IRQFD, &irqfd)
    }

    /// Raises an interrupt line and lowers it (section 4.25). It can't fail for a line that the virtual machine has.
    public func pulseInterrupt(gsi: UInt32) {
        for level: UInt32 in [1, 0] {
            var line = kvm_irq_level()
            line.irq = gsi
            line.level = level
            try? unsafe call("KVM_IRQ_LINE", CL_KVM_IRQ_LINE, &line)
        }
    }

    /// Makes a 32-bit write of a value to an address signal the event instead of leaving the guest (section 4.59).
    public func assignNotification(
        _ event: EventDescriptor, address: UInt64, value: UInt32
    ) throws(SystemCallError) {
        var ioeventfd = kvm_ioeventfd()
        ioeventfd.datamatch = UInt64(value)
        ioeventfd.addr = address
        ioeventfd.len = 4
        ioeventfd.fd = event.descriptor.rawValue
        // KVM_IOEVENTFD_FLAG_DATAMATCH, which the header makes from an enum that is not imported.
        ioeventfd.flags = 1
        try unsafe call("KVM_IOEVENTFD", CL_KVM_IOEVENTFD, &ioeventfd)
    }

    /// Makes a vCPU (section 4.7).
    ///
    /// - Parameter id: its APIC id.
    public func createVCPU(id: UInt32) throws(SystemCallError) -> KVMVCPU {
        let result = cl_ioctl(vm.rawValue, CL_KVM_CREATE_VCPU, UInt(id))
        let vcpu = try OwnedFileDescriptor(result: result, of: "KVM_CREATE_VCPU", subject: "\(id)")
        return try KVMVCPU(vcpu, id: id, runSize: runSize)
    }

    private func call(_ name: String, _ request: UInt, _ argument: UInt) throws(SystemCallError) {
        let result = cl_ioctl(vm.rawValue, request, argument)
        if result < 0 {
            throw SystemCallError(name, Errno(rawValue: CInt(-result)))
        }
    }

    @unsafe private func call<Argument>(
        _ name: String, _ request: UInt, _ argument: UnsafeMutablePointer<Argument>
    ) throws(SystemCallError) {
        try call(name, request, UInt(bitPattern: argument))
    }
}
