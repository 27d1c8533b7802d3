#pragma once

#include <pthread.h>
#include <signal.h>
#include <stdint.h>

/// Starts a thread that runs `body(argument)`, with every signal blocked but those that a fault of its own raises
/// and those in `unblocked` (0 for none: one signal number). 0, or an errno as pthread_create(3) returns it.
int cl_thread_create(pthread_t *thread, const char *name, size_t stack_size, int unblocked, void (*body)(void *),
                     void *argument);

/// The number of the calling thread (gettid(2)).
int cl_thread_id(void);

/// The signal that makes a vCPU thread leave KVM_RUN.
int cl_kick_signal(void);

/// Sends the kick signal to a thread of this process. 0 or an errno, as pthread_kill(3) returns it.
int cl_kick_thread(pthread_t thread);

/// Installs the (empty) handler of the kick signal; what was there before is called after it. Idempotent.
/// 0, or a negated errno.
int cl_install_kick_handler(void);
