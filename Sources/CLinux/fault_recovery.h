#pragma once

#include <signal.h>
#include <stdbool.h>

/// Makes the thread go on behind a guarded access that faulted, once the signal's handler returns. A memory error of the
/// hardware is noted, and is over where it hit such an access, a system call, or nobody yet. False where the signal is
/// something else: no access of ours, or sent by a process.
bool cl_recover_from_fault(const siginfo_t *info, void *context);

/// Takes note of a memory error, for cl_memory_error().
void cl_note_memory_error(const siginfo_t *info, bool by_access);

/// Takes note of a memory error in a system call, for cl_take_own_memory_error().
void cl_note_own_memory_error(const siginfo_t *info);
