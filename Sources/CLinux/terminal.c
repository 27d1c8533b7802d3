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

/// Whether a signal's default is the end of the process, and it can be caught (signal(7)).
static bool ends_process(int number) {
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGCONT:
    case SIGCHLD:
    case SIGURG:
    case SIGWINCH:
        return false;
    default:
        return number < 32 || number >= SIGRTMIN;
    }
}

/// Whether a signal tells of a fault of the process: it ends then, also where somebody handles it to print a backtrace.
static bool is_fault(int number) {
    switch (number) {
    case SIGABRT:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGSEGV:
    case SIGSYS:
    case SIGTRAP:
        return true;
    default:
        return false;
    }
}

static void handle(int number) {
    struct sigaction *former_action = &previous[number];
    if (!ends_process(number) || sigaction(number, NULL, former_action) != 0)
        return;
    bool takes_context = former_action->sa_flags & SA_SIGINFO;
    bool is_ignored = !takes_context && former_action->sa_handler == SIG_IGN;
    bool is_default = !takes_context && former_action->sa_handler == SIG_DFL;
    // What somebody else handles is theirs, but for faults.
    if (is_ignored || (!is_default && !is_fault(number)))
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
    for (int number = 1; number <= SIGRTMAX; number++)
        handle(number);
}

int cl_terminal_make_raw(int descriptor, bool processes_output) {
    struct termios mode;
    if (tcgetattr(descriptor, &mode) < 0)
        return -errno;
    if (!raw) {
        former = mode;
        terminal = descriptor;
    }
    install();
    cfmakeraw(&mode);
    if (processes_output)
        mode.c_oflag |= former.c_oflag & OPOST;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    raw = 1;
    return tcsetattr(terminal, TCSANOW, &mode) < 0 ? -errno : 0;
}
