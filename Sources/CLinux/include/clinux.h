#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include <time.h>
#include <unistd.h>

#include "allocation.h"
#include "arguments.h"
#include "directories.h"
#include "disks.h"
#include "files.h"
#include "guarded_access.h"
#include "kvm.h"
#include "memory_errors.h"
#include "mapping_inspection.h"
#include "network.h"
#include "passed_descriptors.h"
#include "messages.h"
#include "signals.h"
#include "sockets.h"
#include "terminal.h"
#include "threads.h"

// System calls as Swift can call them: the result, or a negated errno.

/// ioctl(2), which is variadic and therefore not imported.
static inline long cl_ioctl(int descriptor, unsigned long request, unsigned long argument) {
    int result = ioctl(descriptor, request, argument);
    return result < 0 ? -errno : result;
}

/// mmap(2): the address, or NULL with the negated errno in `error`.
static inline void *cl_mmap(void *hint, size_t size, int protection, int flags, int descriptor, off_t offset,
                            int *error) {
    void *address = mmap(hint, size, protection, flags, descriptor, offset);
    if (address == MAP_FAILED) {
        *error = -errno;
        return NULL;
    }
    *error = 0;
    return address;
}

static inline int cl_munmap(void *address, size_t size) {
    return munmap(address, size) < 0 ? -errno : 0;
}

static inline int cl_mprotect(void *address, size_t size, int protection) {
    return mprotect(address, size, protection) < 0 ? -errno : 0;
}

static inline int cl_madvise(void *address, size_t size, int advice) {
    return madvise(address, size, advice) < 0 ? -errno : 0;
}

/// MADV_POPULATE_WRITE, which older headers lack.
enum { CL_MADV_POPULATE_WRITE = 23 };

/// The host's numbers of nodes end here (MAX_NUMNODES).
enum { CL_NODES = 1024 };

/// mbind(2): policies as linux/mempolicy.h numbers them; a bit for each node.
int cl_mbind(void *address, size_t size, int policy, const uint64_t nodes[CL_NODES / 64]);

static inline int cl_eventfd(unsigned int count) {
    int descriptor = eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

static inline int cl_epoll_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

/// epoll_ctl(2) with a 64-bit key as the event's data.
static inline int cl_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t key) {
    struct epoll_event event = {.events = events, .data.u64 = key};
    return epoll_ctl(epoll, operation, descriptor, &event) < 0 ? -errno : 0;
}

/// A ready descriptor, as epoll_wait(2) reports it; struct epoll_event is packed, which Swift does not import well.
struct cl_epoll_event {
    uint64_t key;
    uint32_t events;
};

enum { CL_EPOLL_BATCH = 32 };

/// epoll_wait(2) of at most CL_EPOLL_BATCH events; a negative timeout waits for ever.
int cl_epoll_wait(int epoll, struct cl_epoll_event *events, int timeout_milliseconds);

/// Nanoseconds of CLOCK_MONOTONIC.
static inline uint64_t cl_monotonic_nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/// A timerfd of CLOCK_MONOTONIC, or a negated errno.
static inline int cl_timerfd(void) {
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

/// Sets a timerfd to go off once, at a time as of `cl_monotonic_nanoseconds`; at once if that is over.
static inline void cl_timerfd_set(int descriptor, uint64_t nanoseconds) {
    // Zeroes would stop it.
    if (nanoseconds == 0) nanoseconds = 1;
    struct itimerspec when = {.it_value = {
        .tv_sec = (time_t)(nanoseconds / 1000000000u), .tv_nsec = (long)(nanoseconds % 1000000000u)}};
    // It can only fail for a descriptor that is no timer, or a time that is none.
    timerfd_settime(descriptor, TFD_TIMER_ABSTIME, &when, NULL);
}

/// Microseconds since 1970 (`CLOCK_REALTIME`).
static inline uint64_t cl_realtime_microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static inline long cl_read(int descriptor, void *buffer, size_t count) {
    ssize_t result = read(descriptor, buffer, count);
    return result < 0 ? -errno : result;
}

static inline long cl_pread(int descriptor, void *buffer, size_t count, uint64_t offset) {
    ssize_t result = pread(descriptor, buffer, count, (off_t)offset);
    return result < 0 ? -errno : result;
}

static inline long cl_write(int descriptor, const void *buffer, size_t count) {
    ssize_t result = write(descriptor, buffer, count);
    return result < 0 ? -errno : result;
}

/// A connected pair of stream sockets, close-on-exec and non-blocking. 0 or a negated errno.
static inline int cl_socket_pair(int *first, int *second) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
        return -errno;
    *first = pair[0];
    *second = pair[1];
    return 0;
}

/// accept4(2), close-on-exec and non-blocking.
int cl_accept(int listener);

/// Waits until a descriptor is readable: poll(2) without a limit, whatever signals arrive.
void cl_wait_readable(int descriptor);

/// The same, for that long at most, or until a signal arrives. Whether it is.
int cl_wait_readable_within(int descriptor, int milliseconds);

/// Waits until a descriptor is writable, or in error, for that long at most. Whether it is.
int cl_wait_writable(int descriptor, int milliseconds);

/// Whether nobody is at the other end: poll(2) reports a hang-up.
int cl_is_hung_up(int descriptor);

/// A second descriptor of the same open file, close-on-exec. Negated errno on failure.
int cl_duplicate(int descriptor);

/// The same, with a number that is at least so high.
int cl_duplicate_above(int descriptor, int lowest);

/// Makes reads and writes of an open file fail with EAGAIN instead of waiting. 0 or a negated errno.
int cl_make_nonblocking(int descriptor);

/// Locks a directory against others that do so (flock(2)), until the descriptor is closed. 0, or a negated errno:
/// -EWOULDBLOCK where somebody has it.
int cl_lock_directory(int descriptor);

/// Clears O_NONBLOCK. 0, or a negated errno.
int cl_make_blocking(int descriptor);
