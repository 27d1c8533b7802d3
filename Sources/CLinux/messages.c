#define _GNU_SOURCE
#include "messages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

long cl_send_message(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        char bytes[CMSG_SPACE(CL_MESSAGE_DESCRIPTORS * sizeof(int))];
        struct cmsghdr alignment;
    } control = {0};
    if (descriptor_count < 0 || descriptor_count > CL_MESSAGE_DESCRIPTORS)
        return -EINVAL;
    if (descriptor_count > 0) {
        size_t size = (size_t)descriptor_count * sizeof(int);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(header), descriptors, size);
    }
    ssize_t result = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return result < 0 ? -errno : result;
}

long cl_receive_message(int socket, void *bytes, size_t capacity, bool leaves_it) {
    // Without a place for them, the kernel closes descriptors that come along.
    ssize_t result = recv(socket, bytes, capacity, MSG_DONTWAIT | (leaves_it ? MSG_PEEK : 0));
    return result < 0 ? -errno : result;
}

void cl_end_connection(int socket) {
    shutdown(socket, SHUT_RDWR);
}

// What follows runs between fork and exec: system calls alone.

struct step {
    int index;
    int error;
};

static const char *const calls[] = {
    "setsid", "unshare", "uid_map", "seccomp", "mount", "mount_setattr", "dup2", "exec"};
enum { setsid_step, unshare_step, map_step, filter_step, mount_step, setattr_step, dup_step, exec_step };

_Noreturn static void give_up(int report, int index) {
    struct step step = {.index = index, .error = errno};
    (void)!write(report, &step, sizeof step);
    _exit(127);
}

static bool write_file(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
    int error = errno;
    if (file >= 0)
        close(file);
    errno = error;
    return is_written;
}

/// Has setgroups(2) do nothing, and succeed. Root of a name space that its user made may not call it, and virtiofsd ends
/// where it can't give up its groups; they are the user's own, and give it nothing that the user has not.
static bool keep_groups(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_setgroups, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = sizeof steps / sizeof steps[0], .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/// The process's user becomes root of a name space of its own.
static void become_root(int report, const char *users, const char *groups) {
    if (unshare(CLONE_NEWUSER) != 0)
        give_up(report, unshare_step);
    if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", users) ||
        !write_file("/proc/self/gid_map", groups))
        give_up(report, map_step);
    if (!keep_groups())
        give_up(report, filter_step);
}

/// struct mount_attr of linux/mount.h, which older headers lack.
struct mount_attributes {
    uint64_t set;
    uint64_t clear;
    uint64_t propagation;
    uint64_t user_name_space;
};
enum { MOUNT_READ_ONLY = 1, MOUNT_RECURSIVE = 0x8000, SYS_MOUNT_SETATTR = 442 };

/// Mounts a directory over itself, read-only with all that is mounted below; before Linux 5.12 without that.
static void mount_read_only(int report, const char *directory) {
    if (unshare(CLONE_NEWNS) != 0)
        give_up(report, unshare_step);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(directory, directory, NULL, MS_BIND | MS_REC, NULL) != 0)
        give_up(report, mount_step);
    struct mount_attributes attributes = {.set = MOUNT_READ_ONLY};
    if (syscall(SYS_MOUNT_SETATTR, AT_FDCWD, directory, MOUNT_RECURSIVE, &attributes, sizeof attributes) == 0)
        return;
    if (errno != ENOSYS)
        give_up(report, setattr_step);
    if (umount2(directory, MNT_DETACH) != 0 || mount(directory, directory, NULL, MS_BIND, NULL) != 0 ||
        mount(NULL, directory, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) != 0)
        give_up(report, mount_step);
}

_Noreturn static void run(const struct cl_share_server *server, int report, const char *users, const char *groups) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    // What a terminal sends to the machine is not meant for it.
    if (setsid() < 0)
        give_up(report, setsid_step);
    if (server->has_user)
        become_root(report, users, groups);
    if (server->is_read_only)
        mount_read_only(report, server->directory);
    int null = open("/dev/null", O_RDONLY);
    int errors = fcntl(server->errors, F_DUPFD_CLOEXEC, 10);
    int listener = fcntl(server->listener, F_DUPFD_CLOEXEC, 10);
    report = fcntl(report, F_DUPFD_CLOEXEC, 10);
    if (null < 0 || errors < 0 || listener < 0 || report < 0 || dup2(null, 0) < 0 || dup2(errors, 1) < 0 ||
        dup2(errors, 2) < 0 || dup2(listener, 3) < 0)
        give_up(report, dup_step);
    // All others: CLOSE_RANGE_CLOEXEC of close_range(2), which is call 436.
    syscall(436, 4, ~0u, 4);
    execv(server->program, server->arguments);
    give_up(report, exec_step);
}

pid_t cl_start_share_server(const struct cl_share_server *server, struct cl_share_failure *failure) {
    char users[64], groups[64];
    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        *failure = (struct cl_share_failure){"pipe", errno};
        return -1;
    }
    pid_t child = fork();
    if (child == 0)
        run(server, report[1], users, groups);
    close(report[1]);
    *failure = (struct cl_share_failure){"fork", errno};
    struct step step;
    ssize_t count = 0;
    if (child > 0) {
        do
            count = read(report[0], &step, sizeof step);
        while (count < 0 && errno == EINTR);
    }
    close(report[0]);
    if (child > 0 && count == sizeof step) {
        *failure = (struct cl_share_failure){calls[step.index], step.error};
        waitpid(child, NULL, 0);
        return -1;
    }
    return child;
}
