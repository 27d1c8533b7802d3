#pragma once

#include <signal.h>
#include <stdbool.h>

/// Makes the thread go on behind a guarded access that faulted, once the signal's handler returns. False where the
/// signal is something else: no access of ours, or sent by a process.
bool cl_recover_from_fault(const siginfo_t *info, void *context);
