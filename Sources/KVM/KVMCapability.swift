import CLinux

/// What a kernel's KVM may or may not be able to do (kernel document virt/kvm/api, section 4.4
/// `KVM_CHECK_EXTENSION`).
public struct KVMCapability: Sendable, Hashable {
    /// The constant's name, as in the kernel's header.
    public let name: String
    let number: CInt

    init(_ name: String, _ number: CInt) {
        self.name = name
        self.number = number
    }

    public static let irqchip = KVMCapability("KVM_CAP_IRQCHIP", KVM_CAP_IRQCHIP)
    public static let userMemory = KVMCapability("KVM_CAP_USER_MEMORY", KVM_CAP_USER_MEMORY)
    public static let setTSSAddress = KVMCapability("KVM_CAP_SET_TSS_ADDR", KVM_CAP_SET_TSS_ADDR)
    public static let extendedCPUID = KVMCapability("KVM_CAP_EXT_CPUID", KVM_CAP_EXT_CPUID)
    public static let irqfd = KVMCapability("KVM_CAP_IRQFD", KVM_CAP_IRQFD)
    public static let ioeventfd = KVMCapability("KVM_CAP_IOEVENTFD", KVM_CAP_IOEVENTFD)
    public static let immediateExit = KVMCapability("KVM_CAP_IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT)
    public static let tscDeadlineTimer = KVMCapability("KVM_CAP_TSC_DEADLINE_TIMER", KVM_CAP_TSC_DEADLINE_TIMER)
    /// Its value is the number of memory slots that a VM may have.
    public static let memorySlots = KVMCapability("KVM_CAP_NR_MEMSLOTS", KVM_CAP_NR_MEMSLOTS)
    /// Its value is the number of vCPUs that a VM may have.
    public static let maximumVCPUs = KVMCapability("KVM_CAP_MAX_VCPUS", KVM_CAP_MAX_VCPUS)
    /// Its value is one past the greatest vCPU id, which is the APIC id on x86.
    public static let maximumVCPUID = KVMCapability("KVM_CAP_MAX_VCPU_ID", KVM_CAP_MAX_VCPU_ID)
    /// Whether an instruction of CPL 3 that KVM can't emulate is told to the VMM instead of to the guest.
    public static let exitOnEmulationFailure = KVMCapability(
        "KVM_CAP_EXIT_ON_EMULATION_FAILURE", KVM_CAP_EXIT_ON_EMULATION_FAILURE)

    /// Its value is the set of old habits that a VM may be freed of, as bits `KVM_X86_QUIRK_...`.
    public static let disableQuirks = KVMCapability("KVM_CAP_DISABLE_QUIRKS2", KVM_CAP_DISABLE_QUIRKS2)

    /// All that a machine can't do without.
    public static let required: [KVMCapability] = [
        .irqchip, .userMemory, .setTSSAddress, .extendedCPUID, .irqfd, .ioeventfd, .immediateExit,
    ]
}
