#pragma once

#include <stddef.h>
#include <stdint.h>

#include <cpuid.h>

#include <linux/kvm.h>
#include <linux/kvm_para.h>

// ioctl numbers: macros with casts and sizeof do not reach Swift.
static const unsigned long CL_KVM_GET_API_VERSION = KVM_GET_API_VERSION;
static const unsigned long CL_KVM_CREATE_VM = KVM_CREATE_VM;
static const unsigned long CL_KVM_CHECK_EXTENSION = KVM_CHECK_EXTENSION;
static const unsigned long CL_KVM_GET_VCPU_MMAP_SIZE = KVM_GET_VCPU_MMAP_SIZE;
static const unsigned long CL_KVM_GET_SUPPORTED_CPUID = KVM_GET_SUPPORTED_CPUID;
static const unsigned long CL_KVM_CREATE_VCPU = KVM_CREATE_VCPU;
static const unsigned long CL_KVM_SET_USER_MEMORY_REGION = KVM_SET_USER_MEMORY_REGION;
static const unsigned long CL_KVM_SET_TSS_ADDR = KVM_SET_TSS_ADDR;
static const unsigned long CL_KVM_SET_IDENTITY_MAP_ADDR = KVM_SET_IDENTITY_MAP_ADDR;
static const unsigned long CL_KVM_CREATE_IRQCHIP = KVM_CREATE_IRQCHIP;
static const unsigned long CL_KVM_IRQ_LINE = KVM_IRQ_LINE;
static const unsigned long CL_KVM_IRQFD = KVM_IRQFD;
static const unsigned long CL_KVM_IOEVENTFD = KVM_IOEVENTFD;
static const unsigned long CL_KVM_KVMCLOCK_CTRL = KVM_KVMCLOCK_CTRL;
static const unsigned long CL_KVM_RUN = KVM_RUN;
static const unsigned long CL_KVM_GET_REGS = KVM_GET_REGS;
static const unsigned long CL_KVM_SET_REGS = KVM_SET_REGS;
static const unsigned long CL_KVM_GET_SREGS = KVM_GET_SREGS;
static const unsigned long CL_KVM_SET_SREGS = KVM_SET_SREGS;
static const unsigned long CL_KVM_SET_MSRS = KVM_SET_MSRS;
static const unsigned long CL_KVM_SET_CPUID2 = KVM_SET_CPUID2;
static const unsigned long CL_KVM_ENABLE_CAP = KVM_ENABLE_CAP;
static const unsigned long CL_KVM_X86_SETUP_MCE = KVM_X86_SETUP_MCE;
static const unsigned long CL_KVM_GET_VCPU_EVENTS = KVM_GET_VCPU_EVENTS;
static const unsigned long CL_KVM_SET_VCPU_EVENTS = KVM_SET_VCPU_EVENTS;
static const unsigned long CL_KVM_GET_DEBUGREGS = KVM_GET_DEBUGREGS;
static const unsigned long CL_KVM_SET_DEBUGREGS = KVM_SET_DEBUGREGS;
static const unsigned long CL_KVM_GET_XSAVE = KVM_GET_XSAVE;
static const unsigned long CL_KVM_SET_XSAVE = KVM_SET_XSAVE;
static const unsigned long CL_KVM_SET_GUEST_DEBUG = KVM_SET_GUEST_DEBUG;
static const unsigned long CL_KVM_TRANSLATE = KVM_TRANSLATE;

/// The host processor's answer to CPUID with this leaf in EAX and 0 in ECX.
static inline struct kvm_cpuid_entry2 cl_host_cpuid(uint32_t leaf) {
    struct kvm_cpuid_entry2 entry = {.function = leaf};
    __cpuid_count(leaf, 0, entry.eax, entry.ebx, entry.ecx, entry.edx);
    return entry;
}

enum { CL_CPUID_ENTRIES = 256, CL_MSR_ENTRIES = 16 };

/// struct kvm_cpuid2 with room for its entries: a flexible array member is not imported.
struct cl_cpuid {
    uint32_t nent;
    uint32_t padding;
    struct kvm_cpuid_entry2 entries[CL_CPUID_ENTRIES];
};

/// struct kvm_msrs with room for its entries.
struct cl_msrs {
    uint32_t nmsrs;
    uint32_t pad;
    struct kvm_msr_entry entries[CL_MSR_ENTRIES];
};

_Static_assert(offsetof(struct cl_cpuid, entries) == sizeof(struct kvm_cpuid2), "as the kernel lays it out");
_Static_assert(offsetof(struct cl_msrs, entries) == sizeof(struct kvm_msrs), "as the kernel lays it out");
