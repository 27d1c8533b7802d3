#define _GNU_SOURCE
#include "terminal.h"

#include "fault_recovery.h"

#include <errno.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int terminal = -1;
static volatile sig_atomic_t raw;
static struct termios former;

// What ends a process for a fault of its own, also where somebody handles it, to print a backtrace.
static const int faults[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
// What ends a process unless somebody handles it. Those that are read from a descriptor are blocked, and don't get here.
static const int requests[] = {SIGALRM, SIGHUP, SIGINT,  SIGPROF,   SIGQUIT, SIGTERM,
                               SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU, SIGXFSZ};
static struct sigaction previous[NSIG];

void cl_terminal_restore(void) {
    if (raw) {
        raw = 0;
        tcsetattr(terminal, TCSANOW, &former);
    }
}

static void restore_and_die(int number, siginfo_t *info, void *context) {
    // An access to guest memory that failed is no end.
    if ((number == SIGSEGV || number == SIGBUS) && cl_recover_from_fault(info, context))
        return;
    cl_terminal_restore();
    const struct sigaction *next = &previous[number];
    if (next->sa_flags & SA_SIGINFO) {
        next->sa_sigaction(number, info, context);
    } else if (next->sa_handler != SIG_DFL) {
        next->sa_handler(number);
    } else {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void handle(int number, bool also_if_handled) {
    struct sigaction *former_action = &previous[number];
    if (sigaction(number, NULL, former_action) != 0)
        return;
    bool is_handled = (former_action->sa_flags & SA_SIGINFO) || former_action->sa_handler != SIG_DFL;
    bool is_ignored = !(former_action->sa_flags & SA_SIGINFO) && former_action->sa_handler == SIG_IGN;
    if (is_ignored || (is_handled && !also_if_handled))
        return;
    struct sigaction action = {.sa_sigaction = restore_and_die, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

static void install(void) {
    static bool installed;
    if (installed)
        return;
    installed = true;
    atexit(cl_terminal_restore);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
        handle(faults[i], true);
    for (unsigned i = 0; i < sizeof requests / sizeof *requests; i++)
        handle(requests[i], false);
}

int cl_terminal_make_raw(int descriptor) {
    struct termios mode;
    if (tcgetattr(descriptor, &mode) < 0)
        return -errno;
    if (!raw) {
        former = mode;
        terminal = descriptor;
    }
    install();
    cfmakeraw(&mode);
    // Output keeps its processing: messages of the VMM itself end in plain line feeds.
    mode.c_oflag |= former.c_oflag & OPOST;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    raw = 1;
    return tcsetattr(terminal, TCSANOW, &mode) < 0 ? -errno : 0;
}
