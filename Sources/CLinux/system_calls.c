#define _GNU_SOURCE
#include "clinux.h"

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
