#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

/// The signals that the process does not ignore: what its parent ignores (nohup, a shell's background job) stays
/// ignored; blocked, it would be queued.
static void collect(const int *signals, int count, sigset_t *set) {
    sigemptyset(set);
    for (int i = 0; i < count; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(set, signals[i]);
    }
}

int cl_block_signals(const int *signals, int count) {
    sigset_t set;
    collect(signals, count, &set);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int cl_signal_descriptor(const int *signals, int count) {
    sigset_t set;
    collect(signals, count, &set);
    int result = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (result != 0)
        return -result;
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cl_next_signal(int descriptor) {
    struct signalfd_siginfo info;
    ssize_t result = read(descriptor, &info, sizeof info);
    return result == sizeof info ? (int)info.ssi_signo : result < 0 ? -errno : -EIO;
}

void cl_ignore_broken_pipes(void) {
    signal(SIGPIPE, SIG_IGN);
}

void cl_take_default_action(int signal) {
    sigset_t set, former;
    struct sigaction action = {.sa_handler = SIG_DFL}, former_action;
    sigemptyset(&set);
    sigaddset(&set, signal);
    sigaction(signal, &action, &former_action);
    raise(signal);
    // A signal that is blocked waits until here.
    pthread_sigmask(SIG_UNBLOCK, &set, &former);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    sigaction(signal, &former_action, NULL);
}
