#define _GNU_SOURCE
#include "fault_recovery.h"
#include "guarded_access.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <ucontext.h>

struct fixup {
    int32_t access;
    int32_t target;
};

extern const struct fixup cl_fault_fixups[];
extern const struct fixup cl_fault_fixups_end[];

static struct sigaction previous_segv;
static struct sigaction previous_bus;

/// Whether the instruction before an address is a system call, as where a signal interrupts one.
static bool follows_system_call(greg_t address) {
    const unsigned char *code = (const unsigned char *)(uintptr_t)address;
    return code[-2] == 0x0f && code[-1] == 0x05;
}

bool cl_recover_from_fault(const siginfo_t *info, void *context) {
    // A positive code was raised by the kernel for an instruction, not sent by a process.
    if (info->si_code <= 0)
        return false;
    if (info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AO) {
        // No instruction of this thread did it, whichever it is at.
        cl_note_memory_error(info, false);
        return true;
    }
    bool is_broken = info->si_signo == SIGBUS && info->si_code == BUS_MCEERR_AR;
    if (is_broken)
        cl_note_memory_error(info, true);
    greg_t *instruction_pointer = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    for (const struct fixup *fixup = cl_fault_fixups; fixup < cl_fault_fixups_end; fixup++) {
        const char *access = (const char *)&fixup->access + fixup->access;
        if ((greg_t)(uintptr_t)access == *instruction_pointer) {
            const char *target = (const char *)&fixup->target + fixup->target;
            *instruction_pointer = (greg_t)(uintptr_t)target;
            return true;
        }
    }
    if (is_broken && follows_system_call(*instruction_pointer)) {
        // KVM_RUN: the guest accessed it.
        cl_note_own_memory_error(info);
        return true;
    }
    return false;
}

static void handle_fault(int signal, siginfo_t *info, void *context) {
    if (cl_recover_from_fault(info, context))
        return;
    const struct sigaction *previous = signal == SIGSEGV ? &previous_segv : &previous_bus;
    if (previous->sa_flags & SA_SIGINFO) {
        previous->sa_sigaction(signal, info, context);
    } else if (previous->sa_handler == SIG_DFL || previous->sa_handler == SIG_IGN) {
        // The instruction runs again and ends the process, with the core that the fault would have left.
        struct sigaction fallback = {.sa_handler = SIG_DFL};
        sigaction(signal, &fallback, NULL);
        if (info->si_code <= 0)
            raise(signal);
    } else {
        previous->sa_handler(signal);
    }
}

static int install_result;

static void install(void) {
    struct sigaction action = {.sa_sigaction = handle_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGSEGV, &action, &previous_segv) != 0 || sigaction(SIGBUS, &action, &previous_bus) != 0)
        install_result = -errno;
}

int cl_install_fault_handlers(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install);
    return install_result;
}
