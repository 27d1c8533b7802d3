#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

// Messages over Unix sockets that carry descriptors, and programs that serve one.

/// Descriptors that go along with a message at most.
enum { CL_MESSAGE_DESCRIPTORS = 8 };

/// sendmsg(2) with SCM_RIGHTS, without waiting and without SIGPIPE: how many bytes were sent, and the descriptors with the
/// first of them; or a negated errno.
long cl_send_message(int socket, const void *bytes, size_t count, const int *descriptors, int descriptor_count);

/// recv(2) without waiting: the count, 0 at the end, or a negated errno. Descriptors that come along are not taken.
long cl_receive_message(int socket, void *bytes, size_t capacity, bool leaves_it);

/// Ends a connection for both sides: shutdown(2).
void cl_end_connection(int socket);

/// A program that shares a directory.
struct cl_share_server {
    const char *program;
    /// Ends with a null pointer.
    char *const *arguments;
    /// Becomes descriptor 3 of the program, which has no others but the standard ones.
    int listener;
    /// Its standard output and standard error.
    int errors;
    const char *directory;
    /// Whether nothing below the directory can be changed: it is mounted so in a name space of the program's own.
    bool is_read_only;
    /// Whether it gets a user name space of its own, in which the process's user is root.
    bool has_user;
};

/// Where a program that was to be started failed: a step, and its errno.
struct cl_share_failure {
    const char *call;
    int error;
};

/// Starts a program in a session of its own. Its process, or -1 with what failed.
pid_t cl_start_share_server(const struct cl_share_server *server, struct cl_share_failure *failure);
