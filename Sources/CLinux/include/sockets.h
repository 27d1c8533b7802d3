#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// Bytes of a connected stream socket, without waiting for it, and without a signal where the peer is gone. How many, or
// a negated errno.

/// recvmsg(2); 0 at the end.
ssize_t cl_receive_vectors(int socket, const struct iovec *vectors, size_t count);

/// sendmsg(2).
ssize_t cl_send_vectors(int socket, const struct iovec *vectors, size_t count);

/// send(2).
ssize_t cl_send(int socket, const void *bytes, size_t count);

/// recv(2) of bytes that stay there to be received again.
ssize_t cl_peek(int socket, void *bytes, size_t count);

/// shutdown(2) of what is received, of what is sent, or of both. 0 or a negated errno.
int cl_shut_down(int socket, int receiving, int sending);

/// Allows the process as many open files as it may allow itself (RLIMIT_NOFILE).
void cl_raise_descriptor_limit(void);
