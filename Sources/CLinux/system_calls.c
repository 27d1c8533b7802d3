#define _GNU_SOURCE
#include "clinux.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/syscall.h>

int cl_epoll_wait(int epoll, struct cl_epoll_event *events, int timeout_milliseconds) {
    struct epoll_event ready[CL_EPOLL_BATCH];
    int count = epoll_wait(epoll, ready, CL_EPOLL_BATCH, timeout_milliseconds);
    if (count < 0)
        return -errno;
    for (int i = 0; i < count; i++)
        events[i] = (struct cl_epoll_event){.key = ready[i].data.u64, .events = ready[i].events};
    return count;
}

int cl_accept(int listener) {
    int descriptor = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

void cl_wait_readable(int descriptor) {
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    while (poll(&wait, 1, -1) < 0 && errno == EINTR) {
    }
}

int cl_is_hung_up(int descriptor) {
    struct pollfd state = {.fd = descriptor, .events = 0};
    return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

int cl_duplicate(int descriptor) {
    return cl_duplicate_above(descriptor, 0);
}

int cl_duplicate_above(int descriptor, int lowest) {
    int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, lowest);
    return duplicate < 0 ? -errno : duplicate;
}

int cl_make_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int cl_lock_directory(int descriptor) {
    return flock(descriptor, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int cl_make_blocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags & ~O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

int cl_wait_readable_within(int descriptor, int milliseconds) {
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    return poll(&wait, 1, milliseconds) == 1;
}

int cl_wait_writable(int descriptor, int milliseconds) {
    struct pollfd wait = {.fd = descriptor, .events = POLLOUT};
    return poll(&wait, 1, milliseconds) == 1;
}

int cl_mbind(void *address, size_t size, int policy, const uint64_t nodes[CL_NODES / 64]) {
    // The kernel reads one bit less than it is told.
    long result = syscall(SYS_mbind, address, size, policy, nodes, CL_NODES + 1, 0);
    return result < 0 ? -errno : 0;
}
