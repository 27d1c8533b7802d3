#define _GNU_SOURCE
#include "memory_errors.h"

#include "fault_recovery.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { RING = 64 };

static struct {
    /// One more than the number of the error that is here, once it is complete; 0 for none.
    _Atomic uint64_t number;
    _Atomic uint64_t address;
    _Atomic bool by_access;
} ring[RING];

static _Atomic uint64_t count;
static int wake = -1;
static _Thread_local volatile uint64_t of_this_thread;

/// As a signal handler may: nothing here allocates or locks.
void cl_note_memory_error(const siginfo_t *info, bool by_access) {
    int error = errno;
    uint64_t number = atomic_fetch_add(&count, 1);
    atomic_store(&ring[number % RING].number, 0);
    atomic_store(&ring[number % RING].address, (uint64_t)(uintptr_t)info->si_addr);
    atomic_store(&ring[number % RING].by_access, by_access);
    atomic_store(&ring[number % RING].number, number + 1);
    uint64_t one = 1;
    if (wake >= 0 && write(wake, &one, sizeof one) < 0) {
        // A counter that is full has woken everybody.
    }
    errno = error;
}

void cl_note_own_memory_error(const siginfo_t *info) {
    of_this_thread = (uint64_t)(uintptr_t)info->si_addr;
}

uint64_t cl_take_own_memory_error(void) {
    uint64_t address = of_this_thread;
    of_this_thread = 0;
    return address;
}

uint64_t cl_memory_error_count(void) {
    return atomic_load(&count);
}

int cl_memory_error(uint64_t number, struct cl_memory_error *error) {
    if (atomic_load(&ring[number % RING].number) != number + 1)
        return 0;
    error->address = atomic_load(&ring[number % RING].address);
    error->by_access = atomic_load(&ring[number % RING].by_access);
    return atomic_load(&ring[number % RING].number) == number + 1;
}

static void start_watching(void) {
    wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0)
        wake = -errno;
}

int cl_watch_memory_errors(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start_watching);
    // Threads that this one makes inherit it. Kernels without the feature don't find errors either.
    prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0);
    return wake;
}
