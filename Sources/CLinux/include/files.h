#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Files that are opened by other means than open(2), close-on-exec: a descriptor or a negated errno.

/// memfd_create(2): an empty file in memory that can be sealed.
int cl_memory_file(const char *name);

/// The same, of huge pages of that many bytes.
int cl_huge_memory_file(const char *name, uint64_t page_size);

/// A file without a name in a directory, for reading and writing (O_TMPFILE).
int cl_unnamed_file(const char *directory);

/// ftruncate(2). 0 or a negated errno.
int cl_resize_file(int descriptor, uint64_t size);

/// Takes what a range of a file needs from its file system: fallocate(2). 0 or a negated errno.
int cl_allocate(int descriptor, uint64_t offset, uint64_t size);

/// Gives what a range of a file has back to its file system; it reads as zero. 0 or a negated errno.
int cl_punch_hole(int descriptor, uint64_t offset, uint64_t size);

/// Locks an open file for whoever has it open in this way: flock(2). 0, or -EWOULDBLOCK where somebody else has it.
int cl_lock_file(int descriptor);

/// What there is to know about a file that is to back memory.
struct cl_file_state {
    uint64_t size;
    /// Bytes of a page of a hugetlbfs mount; of no meaning else.
    uint64_t page_size;
    /// Bytes that the file system has left.
    uint64_t available;
    bool is_regular;
    /// Whether it has any contents but holes.
    bool has_data;
    /// Whether it lies on a hugetlbfs mount.
    bool is_huge;
    /// Whether its contents are always in memory (tmpfs).
    bool is_memory;
};

/// 0 or a negated errno.
int cl_file_state(int descriptor, struct cl_file_state *state);

/// Seals the size of a file in memory: it stays as it is. 0 or a negated errno.
int cl_seal_size(int descriptor);

/// Seals a file in memory: its contents and size stay as they are. 0 or a negated errno.
int cl_seal(int descriptor);

/// The master of a new pseudo-terminal in raw mode, non-blocking; `name` receives the path of its other end.
int cl_pseudo_terminal(char *name, size_t size);

/// A Unix stream socket that listens at a path, which must not exist. -ENAMETOOLONG for a path too long for one.
int cl_listen(const char *path);

/// A connection to the Unix stream socket at a path. A negated errno for none: ECONNREFUSED where nobody listens.
int cl_connect(const char *path);

/// The same without waiting, and non-blocking: -EAGAIN where the listener has too many connections waiting.
int cl_connect_at_once(const char *path);

/// Takes the write lock of a whole file, for its open file description (F_OFD_SETLK): it goes along to a program that
/// the process becomes, and ends with the last descriptor. 0, -EAGAIN where another one has it, or a negated errno.
int cl_claim_file(int descriptor);

/// Whether another open file description has the lock: 1, 0, or a negated errno.
int cl_is_file_claimed(int descriptor);

/// 1 if a process listens at the path of a Unix socket, 0 if none does, or a negated errno.
int cl_is_listened_at(const char *path);
