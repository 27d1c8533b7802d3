#include "sockets.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>

ssize_t cl_receive_vectors(int socket, const struct iovec *vectors, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
    ssize_t result;
    do
        result = recvmsg(socket, &message, MSG_DONTWAIT);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cl_send_vectors(int socket, const struct iovec *vectors, size_t count) {
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = count};
    ssize_t result;
    do
        result = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cl_send(int socket, const void *bytes, size_t count) {
    ssize_t result;
    do
        result = send(socket, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

ssize_t cl_peek(int socket, void *bytes, size_t count) {
    ssize_t result;
    do
        result = recv(socket, bytes, count, MSG_DONTWAIT | MSG_PEEK);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

int cl_shut_down(int socket, int receiving, int sending) {
    if (!receiving && !sending)
        return 0;
    int how = receiving && sending ? SHUT_RDWR : receiving ? SHUT_RD : SHUT_WR;
    return shutdown(socket, how) < 0 ? -errno : 0;
}

void cl_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
