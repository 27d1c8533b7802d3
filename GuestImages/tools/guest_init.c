// The guest's first process. It tells the outside at once that user space runs, loads the drivers, says what booted,
// and keeps a shell on the console and the agent running, through which the host does things here. The power button,
// and `poweroff`, `reboot` and `halt` typed on the console, end the guest.
//
// It is also /sbin/init of the root disks that GuestImages/build makes, where the one of the initramfs leads.
//
// Words on the kernel's command line that it obeys:
//   swiftlet.root=SOURCE,TYPE[,ro]            another root than the initramfs, see guest_root.c
//   init=PATH                                 the program that takes over there
//   swiftlet.init=poweroff|reboot|halt|panic  what is done after the line on the console

#define _GNU_SOURCE
#include "boot.h"
#include "guest_root.h"
#include "guest_tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <linux/magic.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Where the outside listens for the first sign of life: the port of Bochs's and QEMU's debug console.
enum { sign_of_life_port = 0xE9, sign_of_life = 0x31 };

/// Power buttons that are listened to; a guest has one, or one fixed and one of the control method kind.
enum { max_buttons = 8 };

static sigjmp_buf after_fault;

static void leave_faulting_access(int signal) {
    siglongjmp(after_fault, signal);
}

static void report_first_instruction(void) {
    // Debian's cloud kernels have no /dev/port.
    if (ioperm(sign_of_life_port, 1, 1) != 0)
        return;
    // Emulated processors refuse the access where they mistake the state of the task register, in spite of the
    // permission: the sign of life is then missing, and that is all.
    signal(SIGSEGV, leave_faulting_access);
    if (sigsetjmp(after_fault, 1) == 0)
        outb(sign_of_life, sign_of_life_port);
    signal(SIGSEGV, SIG_DFL);
}

/// Whether another file system than the directory's parent is there.
static bool is_mount_point(const char *path) {
    char parent[64];
    struct stat here, above;
    snprintf(parent, sizeof parent, "%s/..", path);
    return stat(path, &here) == 0 && stat(parent, &above) == 0 && here.st_dev != above.st_dev;
}

/// Mounts what the kernel, or the first process of the initramfs that this one follows, has not.
static void mount_file_systems(void) {
    static const struct {
        const char *path, *type;
    } wanted[] = {{"/proc", "proc"},       {"/sys", "sysfs"}, {"/dev", "devtmpfs"}, {"/dev/pts", "devpts"},
                  {"/dev/shm", "tmpfs"}, {"/tmp", "tmpfs"},  {"/run", "tmpfs"}};
    for (size_t index = 0; index < sizeof wanted / sizeof *wanted; index++) {
        if (!is_mount_point(wanted[index].path))
            mount_at(wanted[index].type, wanted[index].path, wanted[index].type, 0, NULL);
    }
}

/// Opens what can report a power button; returns how many there are.
static int open_power_buttons(struct pollfd *buttons) {
    int count = 0;
    DIR *directory = opendir("/dev/input");
    for (struct dirent *entry; directory && count < max_buttons && (entry = readdir(directory));) {
        if (strncmp(entry->d_name, "event", 5) != 0)
            continue;
        int device = openat(dirfd(directory), entry->d_name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        unsigned char keys[KEY_MAX / 8 + 1] = {0};
        if (device >= 0 && ioctl(device, EVIOCGBIT(EV_KEY, sizeof keys), keys) >= 0 &&
            (keys[KEY_POWER / 8] & 1 << KEY_POWER % 8))
            buttons[count++] = (struct pollfd){.fd = device, .events = POLLIN};
        else if (device >= 0)
            close(device);
    }
    if (directory)
        closedir(directory);
    return count;
}

static bool power_button_pressed(int device) {
    struct input_event event;
    bool pressed = false;
    while (read(device, &event, sizeof event) == sizeof event)
        pressed |= event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
    return pressed;
}

/// Ends the guest in an orderly way; does not return.
_Noreturn static void end(int how) {
    kill(-1, SIGKILL);
    sync();
    // So that a disk's file system is whole, and can be read where it can't be repaired.
    mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
    reboot(how);
    // Only a halted machine gets here.
    for (;;)
        pause();
}

_Noreturn static void panic_kernel(void) {
    int trigger = open("/proc/sysrq-trigger", O_WRONLY);
    if (trigger < 0 || write(trigger, "c", 1) != 1)
        perror("init: /proc/sysrq-trigger");
    // The end of the first process is a panic too.
    exit(1);
}

/// What the kernel's command line says to the first process; NULL for what it does not say.
struct words {
    char line[4096];
    const char *root;
    const char *init;
    const char *action;
};

static void read_command_line(struct words *words) {
    *words = (struct words){0};
    int file = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, words->line, sizeof words->line - 1) < 0)
        return;
    close(file);
    const struct {
        const char *prefix;
        const char **value;
    } known[] = {
        {"swiftlet.root=", &words->root}, {"init=", &words->init}, {"swiftlet.init=", &words->action}};
    char *rest = words->line;
    for (char *word; (word = strsep(&rest, " \n"));) {
        for (size_t index = 0; index < sizeof known / sizeof *known; index++) {
            size_t length = strlen(known[index].prefix);
            if (strncmp(word, known[index].prefix, length) == 0)
                *known[index].value = word + length;
        }
    }
}

/// Does what `swiftlet.init=` says.
static void act(const char *action) {
    if (strcmp(action, "poweroff") == 0)
        end(RB_POWER_OFF);
    else if (strcmp(action, "reboot") == 0)
        end(RB_AUTOBOOT);
    else if (strcmp(action, "halt") == 0)
        end(RB_HALT_SYSTEM);
    else if (strcmp(action, "panic") == 0)
        panic_kernel();
    dprintf(STDERR_FILENO, "init: swiftlet.init=%s is not poweroff, reboot, halt or panic\n", action);
}

/// Opens the terminal behind /dev/console, which itself can't control a session: without one, Ctrl-C reaches nobody.
static int open_console(void) {
    char names[256] = {0};
    int file = open("/sys/class/tty/console/active", O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        if (read(file, names, sizeof names - 1) < 0)
            names[0] = '\0';
        close(file);
    }
    // The last one named is the one that /dev/console stands for.
    names[strcspn(names, "\n")] = '\0';
    const char *last = strrchr(names, ' ');
    char path[280];
    snprintf(path, sizeof path, "/dev/%s", last ? last + 1 : names);
    int terminal = open(path, O_RDWR | O_NOCTTY);
    return terminal >= 0 ? terminal : open("/dev/console", O_RDWR | O_NOCTTY);
}

/// Forks a child with a session of its own and no signal blocked, as all that init starts expects it; returns as fork
/// does.
static pid_t fork_session(void) {
    pid_t child = fork();
    if (child != 0)
        return child;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    return 0;
}

/// Starts a shell in a session of its own, controlled by the console.
static pid_t start_shell(void) {
    pid_t child = fork_session();
    if (child != 0)
        return child;
    int terminal = open_console();
    for (int descriptor = 0; terminal >= 0 && descriptor <= STDERR_FILENO; descriptor++)
        dup2(terminal, descriptor);
    if (terminal > STDERR_FILENO)
        close(terminal);
    ioctl(STDIN_FILENO, TIOCSCTTY, 1);
    if (chdir("/root") != 0 && chdir("/") != 0)
        perror("init: /");
    char *environment[] = {"HOME=/root", GUEST_PATH, "TERM=linux", "PS1=guest# ", NULL};
    execle("/bin/busybox", "sh", "-i", NULL, environment);
    // In another root.
    execle("/bin/sh", "sh", "-i", NULL, environment);
    perror("init: /bin/sh");
    _exit(127);
}

/// The agent's program, which stays reachable in another root; -1 without.
static int agent_program = -1;

/// With what the agent ends where there is no vsock: starting it again does not help (AgentStatus.unavailable).
enum { agent_unavailable = 69 };

/// Starts the agent; returns -1 where there is none.
static pid_t start_agent(void) {
    if (agent_program < 0)
        return -1;
    pid_t child = fork_session();
    if (child != 0)
        return child;
    if (chdir("/") != 0)
        perror("init: /");
    char *arguments[] = {"swiftlet-agent", NULL};
    char *environment[] = {GUEST_PATH, NULL};
    syscall(SYS_execveat, agent_program, "", arguments, environment, AT_EMPTY_PATH);
    perror("init: swiftlet-agent");
    _exit(agent_unavailable);
}

static void say_ready(void) {
    struct utsname kernel;
    uname(&kernel);
    // One write, so that no message of the kernel's lands in the middle of it.
    dprintf(STDOUT_FILENO, "swiftlet guest ready: Linux %s, %ld CPUs\n", kernel.release,
            sysconf(_SC_NPROCESSORS_ONLN));
}

/// Obeys a signal as busybox's poweroff, reboot and halt send them to the first process.
static void obey_signal(unsigned signal) {
    switch (signal) {
    case SIGUSR2:
        end(RB_POWER_OFF);
    case SIGTERM:
    case SIGINT:
        end(RB_AUTOBOOT);
    case SIGUSR1:
        end(RB_HALT_SYSTEM);
    }
}

/// Keeps a shell and the agent running, collects orphans, and waits for whatever ends the guest.
_Noreturn static void supervise(int signals) {
    struct pollfd sources[1 + max_buttons] = {{.fd = signals, .events = POLLIN}};
    int count = 1 + open_power_buttons(sources + 1);
    pid_t agent = start_agent();
    pid_t shell = start_shell();
    for (;;) {
        poll(sources, count, -1);
        for (int button = 1; button < count; button++) {
            if (power_button_pressed(sources[button].fd))
                end(RB_POWER_OFF);
        }
        struct signalfd_siginfo received;
        while (read(signals, &received, sizeof received) == sizeof received)
            obey_signal(received.ssi_signo);
        int status;
        for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
            if (ended != shell && ended != agent)
                continue;
            // What ends at once, such as every shell where the console is gone, is not started in a busy loop.
            nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
            if (ended == shell)
                shell = start_shell();
            else
                agent = WIFEXITED(status) && WEXITSTATUS(status) == agent_unavailable ? -1 : start_agent();
        }
    }
}

/// Whether the root is what the kernel started with, and not a disk or a shared directory.
static bool is_in_initramfs(void) {
    struct statfs root;
    return statfs("/", &root) == 0 && (root.f_type == RAMFS_MAGIC || root.f_type == TMPFS_MAGIC);
}

/// Lets the kernel call this program as modprobe. Not before there is an init: while it boots, Linux 6.12 asks some twenty
/// times for modules of ciphers that are not there, and would start a program each time.
static void offer_modprobe(void) {
    if (symlink("/init", "/sbin/modprobe") != 0)
        perror("init: /sbin/modprobe");
}

int guest_init(void) {
    bool is_first = is_in_initramfs();
    if (is_first) {
        report_first_instruction();
        offer_modprobe();
    }
    sigset_t handled;
    sigfillset(&handled);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    int signals = signalfd(-1, &handled, SFD_NONBLOCK | SFD_CLOEXEC);
    // Ctrl-Alt-Delete becomes SIGINT instead of an abrupt reset.
    reboot(RB_DISABLE_CAD);
    mount_file_systems();
    load_modules(STARTING_MODULES);
    agent_program = open("/bin/swiftlet-agent", O_PATH | O_CLOEXEC);
    static struct words words;
    read_command_line(&words);
    bool is_elsewhere = is_first && words.root && enter_root(words.root);
    say_ready();
    if (words.action)
        act(words.action);
    if (is_elsewhere) {
        sigprocmask(SIG_UNBLOCK, &handled, NULL);
        become_init(words.init);
        sigprocmask(SIG_BLOCK, &handled, NULL);
    }
    supervise(signals);
}
