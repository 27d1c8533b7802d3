#define _GNU_SOURCE
#include "cguest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/// The group of terminals, as Debian and devpts(5) have it.
enum { TTY_GROUP = 5 };

_Noreturn static void fail(const struct cg_command *command, int stage, int error) {
    struct cg_start_failure failure = {.stage = stage, .error = error};
    // Nobody reads it where the agent is gone.
    ssize_t written = write(command->report, &failure, sizeof failure);
    _exit(written < 0 ? 126 : 127);
}

/// What a program expects that was started by nobody in particular.
static void reset_signals(void) {
    // As the kernel takes it: the C library keeps two signals for itself, which may be ignored all the same.
    const struct {
        uint64_t handler, flags, restorer, mask;
    } action = {0};
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_streams(const struct cg_command *command) {
    int streams[3] = {command->input, command->output, command->errors};
    if (command->terminal >= 0) {
        int slave = ioctl(command->terminal, TIOCGPTPEER, O_RDWR | O_NOCTTY);
        if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0)
            fail(command, CG_STAGE_TERMINAL, errno);
        // So that programs of that user can open it again.
        if (command->changes_user && fchown(slave, command->user, TTY_GROUP) == 0)
            fchmod(slave, 0620);
        for (int number = 0; number < 3; number++)
            streams[number] = slave;
    }
    for (int number = 0; number < 3; number++) {
        struct stat status;
        if (dup2(streams[number], number) < 0)
            fail(command, CG_STAGE_TERMINAL, errno);
        // That user's programs can open /dev/stdout then, too.
        if (command->changes_user && fstat(number, &status) == 0 && S_ISFIFO(status.st_mode))
            fchown(number, command->user, (gid_t)-1);
    }
    if (command->terminal >= 0)
        close(streams[0]);
}

static void reset_limits(const struct cg_command *command) {
    struct rlimit limit = {.rlim_cur = command->soft_descriptor_limit, .rlim_max = command->hard_descriptor_limit};
    setrlimit(RLIMIT_NOFILE, &limit);
    if (!command->was_spared)
        return;
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0)
        dprintf(file, "%d", command->oom_score_adjustment);
}

static void become_user(const struct cg_command *command) {
    if (!command->changes_user)
        return;
    if (setgroups(command->group_count, command->groups) < 0 || setgid(command->group) < 0 ||
        setuid(command->user) < 0)
        fail(command, CG_STAGE_USER, errno);
}

/// Runs the first of the candidates that is there. What may not be run is the reason only if no other is found.
_Noreturn static void run(const struct cg_command *command) {
    int error = ENOENT;
    for (char **candidate = command->candidates; *candidate; candidate++) {
        execve(*candidate, command->arguments, command->environment);
        if (errno == EACCES)
            error = EACCES;
        else if (errno != ENOENT && errno != ENOTDIR)
            fail(command, CG_STAGE_PROGRAM, errno);
    }
    fail(command, CG_STAGE_PROGRAM, error);
}

/// Closes all but the standard streams and the report, before anything that may take long: what belongs to others must
/// end when they do.
static void keep_only_report(struct cg_command *command) {
    enum { REPORT = 3 };
    if (command->report != REPORT && dup3(command->report, REPORT, O_CLOEXEC) < 0)
        fail(command, CG_STAGE_TERMINAL, errno);
    command->report = REPORT;
    syscall(SYS_close_range, REPORT + 1, ~0U, 0);
}

pid_t cg_start(const struct cg_command *described) {
    pid_t child = fork();
    if (child != 0)
        return child < 0 ? -errno : child;
    struct cg_command copy = *described, *command = &copy;
    setsid();
    take_streams(command);
    keep_only_report(command);
    reset_limits(command);
    become_user(command);
    umask(022);
    if (chdir(command->directory) < 0)
        fail(command, CG_STAGE_DIRECTORY, errno);
    reset_signals();
    run(command);
}

pid_t cg_fork(int descriptor) {
    pid_t child = fork();
    if (child != 0)
        return child < 0 ? -errno : child;
    // What belongs to other connections must end when they do.
    if (descriptor != CG_FORKED_DESCRIPTOR && dup2(descriptor, CG_FORKED_DESCRIPTOR) < 0)
        _exit(126);
    syscall(SYS_close_range, CG_FORKED_DESCRIPTOR + 1, ~0U, 0);
    int flags = fcntl(CG_FORKED_DESCRIPTOR, F_GETFL);
    if (flags < 0 || fcntl(CG_FORKED_DESCRIPTOR, F_SETFL, flags & ~O_NONBLOCK) < 0)
        _exit(126);
    reset_signals();
    signal(SIGPIPE, SIG_IGN);
    return 0;
}

pid_t cg_reap(int *signal, int *status) {
    int result;
    pid_t child = waitpid(-1, &result, WNOHANG);
    if (child <= 0)
        return 0;
    *signal = WIFSIGNALED(result) ? WTERMSIG(result) : 0;
    *status = WIFEXITED(result) ? WEXITSTATUS(result) : 0;
    return child;
}

int cg_set_window_size(int terminal, uint16_t rows, uint16_t columns) {
    struct winsize size = {.ws_row = rows, .ws_col = columns};
    return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

int cg_open_terminal(uint16_t rows, uint16_t columns) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0)
        return -errno;
    int error = unlockpt(master) < 0 ? -errno : cg_set_window_size(master, rows, columns);
    if (error < 0) {
        close(master);
        return error;
    }
    return master;
}

long cg_readable_count(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) < 0 ? -errno : count;
}

int cg_raise_descriptor_limit(uint64_t wanted, uint64_t *soft, uint64_t *hard) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
    if (limit.rlim_cur >= wanted)
        return 0;
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
        return 0;
    // Who may not raise the hard limit goes up to it.
    limit.rlim_cur = limit.rlim_max = *hard;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}
