#define _GNU_SOURCE
#include "passed_descriptors.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t cl_receive(int socket, void *bytes, size_t capacity, int descriptors[CL_PASSED_DESCRIPTORS], int *descriptor_count) {
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    union {
        char bytes[CMSG_SPACE(CL_PASSED_DESCRIPTORS * sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t result;
    do
        result = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return -errno;
    int count = 0;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        // The kernel puts what it gives away into one such part, and never more than there is room for.
        size_t size = header->cmsg_len - CMSG_LEN(0);
        memcpy(descriptors, CMSG_DATA(header), size);
        count = (int)(size / sizeof(int));
    }
    if (message.msg_flags & MSG_CTRUNC) {
        for (int index = 0; index < count; index++)
            close(descriptors[index]);
        count = -1;
    }
    *descriptor_count = count;
    return result;
}
