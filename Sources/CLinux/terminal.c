#define _GNU_SOURCE
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

static int terminal = -1;
static volatile sig_atomic_t raw;
static struct termios former;

void cl_terminal_restore(void) {
    if (raw) {
        raw = 0;
        tcsetattr(terminal, TCSANOW, &former);
    }
}

static void restore_and_die(int signal_number) {
    int saved = errno;
    cl_terminal_restore();
    // Explicitly: another handler may have called this one.
    signal(signal_number, SIG_DFL);
    raise(signal_number);
    errno = saved;
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

static void install(void) {
    static bool installed;
    if (installed)
        return;
    installed = true;
    atexit(cl_terminal_restore);
    for (int number = 1; number <= SIGRTMAX; number++) {
        struct sigaction former_action;
        // What somebody else handles is theirs; what is ignored or only stops the process does not end it.
        if (!ends_process(number) || sigaction(number, NULL, &former_action) != 0 ||
            former_action.sa_handler != SIG_DFL)
            continue;
        struct sigaction action = {.sa_handler = restore_and_die, .sa_flags = SA_NODEFER};
        sigemptyset(&action.sa_mask);
        sigaction(number, &action, NULL);
    }
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
