// The first process of the emulated KVM host: Tools/kvm-host on the inside. It makes the root that the command
// sees (the machine's own file tree below, memory above), runs the command, and carries its standard streams, its
// terminal, signals and status over virtio-serial ports to the launcher outside.
//
// The control port carries messages both ways: a letter, the payload's length (32 bits, little-endian), the payload.
//   to the agent:    C configuration (see read_configuration), S signal (32 bits), W window size (rows and columns,
//                    16 bits each), E total bytes of standard input (64 bits), P letter of an output nobody reads
//   to the launcher: R the command runs, H a sign of life each second, F a failure (text),
//                    X wait status (32 bits), then the total bytes of standard output, error and terminal (64 bits
//                    each)
// Streams end by count, because ports and control messages don't keep each other's order.

#define _GNU_SOURCE
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// Bytes that a stream holds at most: what a port takes at once.
enum { stream_capacity = 32 * 1024 };

/// How long the terminal may stay silent after the command ended before its last output counts as complete.
enum { terminal_grace_ms = 100 };

/// One direction of one of the command's streams.
struct stream {
    int from, to;
    size_t start, end;
    uint64_t total;
    /// What `from` may still deliver; bounded once the command has ended.
    uint64_t allowed;
    char buffer[stream_capacity];
};

enum { input, output, errors, terminal, stream_count };

static struct stream streams[stream_count];
static int control;
static uint64_t input_size = UINT64_MAX;

/// What the launcher asks for. Strings point into the message.
static struct {
    const char *directory, *output_share, *how[3];
    struct winsize window;
    mode_t mask;
    sigset_t ignored;
    char **arguments, **environment;
} configuration = {.how = {"null", "null", "null"}};

static void write_all(int file, const void *data, size_t size) {
    for (const char *next = data; size > 0;) {
        ssize_t written = write(file, next, size);
        if (written < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = file, .events = POLLOUT}, 1, -1);
        else if (written < 0 && errno != EINTR)
            return;
        else if (written > 0)
            next += written, size -= (size_t)written;
    }
}

static void send_message(char kind, const void *payload, uint32_t size) {
    char message[5 + 512] = {kind};
    memcpy(message + 1, &size, sizeof size);
    if (size > 0)
        memcpy(message + 5, payload, size);
    write_all(control, message, 5 + size);
}

/// Tells the launcher that there is no host to run a command in, and waits to be ended.
__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    send_message('F', text, (uint32_t)strlen(text));
    for (;;)
        pause();
}

/// Reads exactly so much from the control port.
static void read_control(void *data, size_t size) {
    for (char *next = data; size > 0;) {
        ssize_t got = read(control, next, size);
        if (got > 0)
            next += got, size -= (size_t)got;
        else
            poll(&(struct pollfd){.fd = control, .events = POLLIN}, 1, -1);
    }
}

/// Opens the port that QEMU gave a number. The device's own number, in the name before it, depends on what else
/// there is.
static int open_port(int number) {
    char pattern[32];
    snprintf(pattern, sizeof pattern, "/dev/vport*p%d", number);
    // The ports of a device come up one by one, after it.
    for (int attempt = 0; attempt < 1000; attempt++) {
        glob_t found;
        int port = -1;
        if (glob(pattern, 0, NULL, &found) == 0) {
            port = open(found.gl_pathv[0], O_RDWR | O_NONBLOCK | O_CLOEXEC);
            globfree(&found);
        }
        if (port >= 0)
            return port;
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
    dprintf(STDERR_FILENO, "agent: no port %s: %s\n", pattern, strerror(errno));
    exit(1);
}

static void configure(const char *key, const char *value) {
    if (strcmp(key, "stdin") == 0)
        configuration.how[0] = value;
    else if (strcmp(key, "stdout") == 0)
        configuration.how[1] = value;
    else if (strcmp(key, "stderr") == 0)
        configuration.how[2] = value;
    else if (strcmp(key, "directory") == 0)
        configuration.directory = value;
    else if (strcmp(key, "output") == 0)
        configuration.output_share = value;
    else if (strcmp(key, "umask") == 0)
        configuration.mask = (mode_t)atoi(value);
    else if (strcmp(key, "rows") == 0)
        configuration.window.ws_row = (unsigned short)atoi(value);
    else if (strcmp(key, "columns") == 0)
        configuration.window.ws_col = (unsigned short)atoi(value);
    else if (strcmp(key, "ignore") == 0)
        sigaddset(&configuration.ignored, atoi(value));
}

/// Splits off strings until an empty one; returns them as an array that ends in NULL, as exec takes it.
static char **take_strings(char **next, const char *end) {
    size_t count = 0;
    for (char *string = *next; string < end && *string; string += strlen(string) + 1)
        count++;
    char **strings = calloc(count + 1, sizeof *strings);
    for (size_t index = 0; index < count; index++) {
        strings[index] = *next;
        *next += strlen(*next) + 1;
    }
    ++*next;
    return strings;
}

/// The configuration message: three lists of zero-terminated strings, each closed by an empty one: KEY=VALUE, the
/// environment, and the command with its arguments. An argument may be empty, so each has a dot before it.
static void read_configuration(void) {
    char kind;
    uint32_t size;
    read_control(&kind, 1);
    read_control(&size, sizeof size);
    char *payload = malloc(size + 1);
    read_control(payload, size);
    payload[size] = '\0';
    sigemptyset(&configuration.ignored);
    char *next = payload;
    for (char **entry = take_strings(&next, payload + size); *entry; entry++) {
        char *value = strchr(*entry, '=');
        *value = '\0';
        configure(*entry, value + 1);
    }
    configuration.environment = take_strings(&next, payload + size);
    configuration.arguments = take_strings(&next, payload + size);
    for (char **argument = configuration.arguments; *argument; argument++)
        ++*argument;
}

static void make_directories(const char *path) {
    char *copy = strdup(path);
    for (char *slash = copy; (slash = strchr(slash + 1, '/'));) {
        *slash = '\0';
        mkdir(copy, 0755);
        *slash = '/';
    }
    mkdir(copy, 0755);
    free(copy);
}

static void mount_share(const char *tag, const char *target, unsigned long flags, const char *more) {
    char options[128];
    snprintf(options, sizeof options, "trans=virtio,version=9p2000.L,msize=512000,%s", more);
    if (!mount_at(tag, target, "9p", flags, options))
        fail("mounting the %s share failed: %s", tag, strerror(errno));
}

/// Makes the machine's file tree the root, with memory over it that takes what is written.
static void make_root(void) {
    mount_share("root", "/lower", MS_RDONLY, "cache=loose");
    mount_at("tmpfs", "/upper", "tmpfs", 0, "size=75%");
    mkdir("/upper/files", 0755);
    mkdir("/upper/work", 0755);
    if (!mount_at("overlay", "/root", "overlay", 0,
                  "lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work,index=off,metacopy=off"))
        fail("making the overlay failed: %s", strerror(errno));
    if (chdir("/root") != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0)
        fail("changing the root failed: %s", strerror(errno));
    // The host's own are visible below, and mean the host.
    mount_at("proc", "/proc", "proc", 0, NULL);
    mount_at("sysfs", "/sys", "sysfs", 0, NULL);
    mount_at("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount_at("devpts", "/dev/pts", "devpts", 0, "mode=620,ptmxmode=666");
    mount_at("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777");
    mount_at("hugetlbfs", "/dev/hugepages", "hugetlbfs", 0, NULL);
    mount_at("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
    mount_at("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
    mount_at("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL);
    if (symlink("/proc/self/fd", "/dev/fd") != 0 || symlink("/proc/self/fd/0", "/dev/stdin") != 0 ||
        symlink("/proc/self/fd/1", "/dev/stdout") != 0 || symlink("/proc/self/fd/2", "/dev/stderr") != 0)
        perror("agent: /dev/fd");
    make_directories(configuration.output_share);
    // Not cached: what is written must be outside when the host ends without warning.
    mount_share("output", configuration.output_share, 0, "cache=none");
}

static void write_setting(const char *path, const char *value) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        write_all(file, value, strlen(value));
        close(file);
    }
}

static void set_up_system(void) {
    chmod("/dev/kvm", 0666);
    sethostname("kvm-host", 8);
    // The command's processes die for want of memory before this one does, and the host with it.
    write_setting("/proc/self/oom_score_adj", "-1000");
    int socket_for_request = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    if (socket_for_request < 0 || ioctl(socket_for_request, SIOCSIFFLAGS, &request) != 0)
        perror("agent: lo");
    close(socket_for_request);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 1024, .rlim_max = 1 << 20});
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY});
}

/// Opens the command's end of one of its standard streams, and gives the stream the other.
static int open_standard(int descriptor, const char *side, struct stream *stream) {
    const char *how = configuration.how[descriptor];
    int ends[2];
    if (strcmp(how, "tty") == 0)
        return open(side, O_RDWR | O_NOCTTY);
    if (strcmp(how, "pipe") != 0 || pipe2(ends, O_CLOEXEC) != 0)
        return open("/dev/null", O_RDWR);
    int ours = descriptor == STDIN_FILENO ? 1 : 0;
    fcntl(ends[ours], F_SETFL, O_NONBLOCK);
    *(descriptor == STDIN_FILENO ? &stream->to : &stream->from) = ends[ours];
    return ends[!ours];
}

/// The command's process, from fork to exec. Its messages are the ones that a shell would have.
_Noreturn static void become_command(const int *standard, bool has_terminal) {
    setsid();
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++)
        dup2(standard[descriptor], descriptor);
    for (int descriptor = 0; has_terminal && descriptor <= STDERR_FILENO; descriptor++) {
        if (isatty(descriptor) && ioctl(descriptor, TIOCSCTTY, 0) == 0)
            break;
    }
    for (int number = 1; number < NSIG; number++)
        signal(number, sigismember(&configuration.ignored, number) == 1 ? SIG_IGN : SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    write_setting("/proc/self/oom_score_adj", "0");
    umask(configuration.mask);
    if (chdir(configuration.directory) != 0) {
        dprintf(STDERR_FILENO, "kvm-host: %s: %s\n", configuration.directory, strerror(errno));
        _exit(126);
    }
    environ = configuration.environment;
    execvp(configuration.arguments[0], configuration.arguments);
    dprintf(STDERR_FILENO, "kvm-host: %s: %s\n", configuration.arguments[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

static bool wants_terminal(void) {
    return strcmp(configuration.how[0], "tty") == 0 || strcmp(configuration.how[1], "tty") == 0 ||
           strcmp(configuration.how[2], "tty") == 0;
}

static pid_t start_command(void) {
    char side[64] = "/dev/null";
    bool has_terminal = wants_terminal();
    if (has_terminal) {
        int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
        if (master < 0 || unlockpt(master) != 0 || ptsname_r(master, side, sizeof side) != 0)
            fail("making a terminal failed: %s", strerror(errno));
        ioctl(master, TIOCSWINSZ, &configuration.window);
        streams[terminal].from = master;
    }
    int standard[3];
    standard[0] = open_standard(STDIN_FILENO, side, &streams[input]);
    standard[1] = open_standard(STDOUT_FILENO, side, &streams[output]);
    bool same = strcmp(configuration.how[2], "stdout") == 0;
    standard[2] = same ? standard[1] : open_standard(STDERR_FILENO, side, &streams[errors]);
    if (strcmp(configuration.how[0], "tty") == 0)
        streams[input].to = fcntl(streams[terminal].from, F_DUPFD_CLOEXEC, 0);
    pid_t command = fork();
    if (command < 0)
        fail("fork: %s", strerror(errno));
    if (command == 0)
        become_command(standard, has_terminal);
    for (int descriptor = 0; descriptor <= STDERR_FILENO; descriptor++) {
        if (descriptor < 2 || !same)
            close(standard[descriptor]);
    }
    return command;
}

static void close_end(int *end) {
    if (*end >= 0)
        close(*end);
    *end = -1;
}

/// Moves what can be moved without waiting.
static void move(struct stream *stream) {
    if (stream->start == stream->end && stream->from >= 0 && stream->allowed > 0) {
        size_t wanted = stream->allowed < stream_capacity ? (size_t)stream->allowed : stream_capacity;
        ssize_t got = read(stream->from, stream->buffer, wanted);
        stream->start = 0;
        stream->end = got > 0 ? (size_t)got : 0;
        stream->total += stream->end;
        stream->allowed -= stream->end;
        // A terminal whose last user is gone fails instead of ending. A port only ends by count.
        if (stream != &streams[input] && (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)))
            close_end(&stream->from);
    }
    if (stream->start < stream->end) {
        ssize_t written = stream->to < 0 ? -1 : write(stream->to, stream->buffer + stream->start, stream->end - stream->start);
        if (written > 0)
            stream->start += (size_t)written;
        else if (stream->to < 0 || (errno != EAGAIN && errno != EINTR)) {
            // Input that nobody reads any more is dropped, as a closed pipe would drop it.
            close_end(&stream->to);
            stream->start = stream->end;
        }
    }
    if (stream == &streams[input] && stream->total >= input_size && stream->start == stream->end)
        close_end(&stream->to);
}

/// Obeys one message, if there is one. The command is 0 once it has ended.
static void obey(pid_t command) {
    char kind;
    if (read(control, &kind, 1) != 1)
        return;
    uint32_t size;
    char payload[16] = {0};
    read_control(&size, sizeof size);
    read_control(payload, size < sizeof payload ? size : sizeof payload);
    int number;
    switch (kind) {
    case 'S':
        memcpy(&number, payload, sizeof number);
        // A terminal's keys interrupt the whole group; who sends another signal means one process.
        if (command > 0)
            kill(number == SIGINT || number == SIGQUIT ? -command : command, number);
        break;
    case 'W': {
        struct winsize window = {0};
        memcpy(&window.ws_row, payload, sizeof window.ws_row);
        memcpy(&window.ws_col, payload + sizeof window.ws_row, sizeof window.ws_col);
        if (streams[terminal].from >= 0)
            ioctl(streams[terminal].from, TIOCSWINSZ, &window);
        break;
    }
    case 'E':
        memcpy(&input_size, payload, sizeof input_size);
        break;
    case 'P':
        close_end(&streams[payload[0] == 'o' ? output : payload[0] == 'e' ? errors : terminal].from);
        break;
    }
}

/// Waits until there is something to do, at most so long. Returns how many descriptors are ready.
static int wait_for_work(int signals, int timeout) {
    struct pollfd sources[2 + 2 * stream_count] = {{.fd = signals, .events = POLLIN}, {.fd = control, .events = POLLIN}};
    int count = 2;
    for (struct stream *stream = streams; stream < streams + stream_count; stream++) {
        if (stream->start < stream->end)
            sources[count++] = (struct pollfd){.fd = stream->to, .events = POLLOUT};
        else if (stream->allowed > 0)
            sources[count++] = (struct pollfd){.fd = stream->from, .events = POLLIN};
    }
    return poll(sources, count, timeout);
}

/// Collects ended processes; true when the command is one of them.
static bool collect(pid_t command, int *status) {
    bool ended = false;
    int one;
    for (pid_t process; (process = waitpid(-1, &one, WNOHANG)) > 0;) {
        if (process == command) {
            *status = one;
            ended = true;
        }
    }
    return ended;
}

/// Carries the streams until the command ends; returns its wait status.
static int carry(pid_t command, int signals) {
    int status = 0;
    struct timespec last = {0}, now;
    while (!collect(command, &status)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec != last.tv_sec)
            send_message('H', NULL, 0);
        last = now;
        wait_for_work(signals, 1000);
        struct signalfd_siginfo ignored;
        while (read(signals, &ignored, sizeof ignored) > 0)
            continue;
        obey(command);
        for (struct stream *stream = streams; stream < streams + stream_count; stream++)
            move(stream);
    }
    return status;
}

/// Carries what the command left in its pipes. What it started may hold them open and go on writing: that is not
/// waited for.
static void carry_rest(int signals) {
    streams[input].allowed = 0;
    streams[input].start = streams[input].end;
    for (int index = output; index < stream_count; index++) {
        int left = 0;
        if (index != terminal && streams[index].from >= 0 && ioctl(streams[index].from, FIONREAD, &left) == 0)
            streams[index].allowed = (uint64_t)left;
    }
    for (;;) {
        bool busy = false, terminal_open = streams[terminal].from >= 0;
        for (int index = output; index < stream_count; index++) {
            move(&streams[index]);
            busy |= streams[index].start < streams[index].end || (streams[index].from >= 0 && index != terminal && streams[index].allowed > 0);
        }
        if (!busy && !terminal_open)
            return;
        // A terminal's output comes to this side with a delay.
        if (wait_for_work(signals, busy ? 1000 : terminal_grace_ms) == 0 && !busy)
            return;
        obey(0);
    }
}

int main(void) {
    mount_at("proc", "/proc", "proc", 0, NULL);
    mount_at("sysfs", "/sys", "sysfs", 0, NULL);
    mkdir("/dev", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    load_modules(STARTING_MODULES);
    signal(SIGPIPE, SIG_IGN);
    control = open_port(1);
    read_configuration();
    for (int index = 0; index < stream_count; index++) {
        int port = open_port(2 + index);
        streams[index] = (struct stream){
            .from = index == input ? port : -1, .to = index == input ? -1 : port, .allowed = UINT64_MAX};
    }
    make_root();
    set_up_system();
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    int signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    pid_t command = start_command();
    send_message('R', NULL, 0);
    int status = carry(command, signals);
    carry_rest(signals);
    sync();
    uint64_t totals[3] = {streams[output].total, streams[errors].total, streams[terminal].total};
    char result[sizeof status + sizeof totals];
    memcpy(result, &status, sizeof status);
    memcpy(result + sizeof status, totals, sizeof totals);
    send_message('X', result, sizeof result);
    // The launcher ends the host once it has everything.
    for (;;)
        pause();
}
