#pragma once

#include <stdbool.h>
#include <stdint.h>

// Memory errors of the hardware, which the kernel reports as SIGBUS with BUS_MCEERR_AR (somebody accessed the page) and
// BUS_MCEERR_AO (nobody has yet). The handlers of guarded_access.h take note of them.

/// An error that was reported.
struct cl_memory_error {
    /// The process's address of the page.
    uint64_t address;
    bool by_access;
};

/// A descriptor that becomes readable with each error, and is never read: to be waited for edge-triggered. It belongs
/// to the process. The calling thread, and those that it makes later, are told of errors before they access them. A
/// negated errno on failure.
int cl_watch_memory_errors(void);

/// How many errors were reported: their numbers begin at 0.
uint64_t cl_memory_error_count(void);

/// Whether the error of a number is still known (the last 64 are), and what it was.
int cl_memory_error(uint64_t number, struct cl_memory_error *error);

/// The address of the last error that interrupted a system call of this thread, such as KVM_RUN, since the call before
/// this one; 0 for none.
uint64_t cl_take_own_memory_error(void);
