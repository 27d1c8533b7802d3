#pragma once

#include <stddef.h>

// Files that are opened by other means than open(2), close-on-exec: a descriptor or a negated errno.

/// memfd_create(2): an empty file in memory that can be sealed.
int cl_memory_file(const char *name);

/// Seals a file in memory: its contents and size stay as they are. 0 or a negated errno.
int cl_seal(int descriptor);

/// The master of a new pseudo-terminal in raw mode, non-blocking; `name` receives the path of its other end.
int cl_pseudo_terminal(char *name, size_t size);

/// A Unix stream socket that listens at a path, which must not exist. -ENAMETOOLONG for a path too long for one.
int cl_listen(const char *path);

/// 1 if a process listens at the path of a Unix socket, 0 if none does, or a negated errno.
int cl_is_listened_at(const char *path);
