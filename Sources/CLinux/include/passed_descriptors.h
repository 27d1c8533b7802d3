#pragma once

#include <stddef.h>
#include <sys/types.h>

// Descriptors that come along with bytes over a Unix socket (unix(7), SCM_RIGHTS).

/// Descriptors that are taken with what one call receives.
enum { CL_PASSED_DESCRIPTORS = 16 };

/// recvmsg(2), without waiting: how many bytes, 0 at the end, or a negated errno. Descriptors that come along are
/// close-on-exec, and the caller's. `descriptor_count` is theirs, or -1 where there were more than can be taken: then
/// none is.
ssize_t cl_receive(int socket, void *bytes, size_t capacity, int descriptors[CL_PASSED_DESCRIPTORS], int *descriptor_count);
