#pragma once

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Files by their names in an open directory (openat(2) and its relatives): nothing here follows a symbolic link unless
// it is told to. The result, or a negated errno.

/// What is known of a file without opening it.
struct cl_file_status {
    uint64_t device;
    uint64_t inode;
    /// S_IFMT and permissions (inode(7)).
    uint32_t mode;
    int64_t seconds;
    uint32_t nanoseconds;
};

/// The directory of relative paths (AT_FDCWD), and the flag of a descriptor that only names a file (O_PATH).
enum { CL_WORKING_DIRECTORY = -100, CL_PATH_ONLY = 010000000 };

int cl_open_at(int directory, const char *name, int flags, mode_t mode);
int cl_status_at(int directory, const char *name, bool follows, struct cl_file_status *status);
int cl_status(int descriptor, struct cl_file_status *status);
int cl_make_directory_at(int directory, const char *name, mode_t mode);
int cl_make_link_at(int directory, const char *name, const char *target);
/// Reads a symbolic link's target; returns its length, -ENAMETOOLONG where the buffer is too small.
ssize_t cl_read_link_at(int directory, const char *name, char *buffer, size_t size);
int cl_rename_at(int directory, const char *name, const char *other);
int cl_remove_at(int directory, const char *name);
/// Sets permissions and the time of the last write.
int cl_set_attributes(int descriptor, mode_t mode, int64_t seconds, uint32_t nanoseconds);
/// Reads the entries of a directory; the stream owns the descriptor then.
DIR *cl_open_entries(int directory, int *error);
/// The next entry's name; NULL behind the last one, and at an error.
const char *cl_next_entry(DIR *entries, int *error);
void cl_close_entries(DIR *entries);
/// The real path of a file, without symbolic links; returns its length.
ssize_t cl_real_path(const char *path, char *buffer, size_t size);
