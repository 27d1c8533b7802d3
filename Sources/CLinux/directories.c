#define _GNU_SOURCE
#include "directories.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(CL_WORKING_DIRECTORY == AT_FDCWD, "AT_FDCWD");
_Static_assert(CL_PATH_ONLY == O_PATH, "O_PATH");

int cl_open_at(int directory, const char *name, int flags, mode_t mode) {
    int descriptor = openat(directory, name, flags | O_CLOEXEC | O_NOCTTY, mode);
    return descriptor < 0 ? -errno : descriptor;
}

static struct cl_file_status status_of(const struct stat *stat) {
    return (struct cl_file_status){
        .device = stat->st_dev, .inode = stat->st_ino, .mode = stat->st_mode, .seconds = stat->st_mtim.tv_sec,
        .nanoseconds = (uint32_t)stat->st_mtim.tv_nsec};
}

int cl_status_at(int directory, const char *name, bool follows, struct cl_file_status *status) {
    struct stat stat;
    if (fstatat(directory, name, &stat, follows ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    *status = status_of(&stat);
    return 0;
}

int cl_status(int descriptor, struct cl_file_status *status) {
    struct stat stat;
    if (fstat(descriptor, &stat) < 0)
        return -errno;
    *status = status_of(&stat);
    return 0;
}

int cl_make_directory_at(int directory, const char *name, mode_t mode) {
    return mkdirat(directory, name, mode) < 0 ? -errno : 0;
}

int cl_make_link_at(int directory, const char *name, const char *target) {
    return symlinkat(target, directory, name) < 0 ? -errno : 0;
}

ssize_t cl_read_link_at(int directory, const char *name, char *buffer, size_t size) {
    ssize_t length = readlinkat(directory, name, buffer, size);
    return length < 0 ? -errno : (size_t)length == size ? -ENAMETOOLONG : length;
}

int cl_rename_at(int directory, const char *name, const char *other) {
    return renameat(directory, name, directory, other) < 0 ? -errno : 0;
}

int cl_remove_at(int directory, const char *name) {
    return unlinkat(directory, name, 0) < 0 ? -errno : 0;
}

int cl_set_attributes(int descriptor, mode_t mode, int64_t seconds, uint32_t nanoseconds) {
    struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds}};
    return fchmod(descriptor, mode) < 0 || futimens(descriptor, times) < 0 ? -errno : 0;
}

DIR *cl_open_entries(int directory, int *error) {
    DIR *entries = fdopendir(directory);
    *error = entries ? 0 : -errno;
    return entries;
}

const char *cl_next_entry(DIR *entries, int *error) {
    errno = 0;
    struct dirent *entry = readdir(entries);
    *error = -errno;
    return entry ? entry->d_name : NULL;
}

void cl_close_entries(DIR *entries) {
    closedir(entries);
}

ssize_t cl_real_path(const char *path, char *buffer, size_t size) {
    char *real = realpath(path, NULL);
    if (!real)
        return -errno;
    size_t length = strlen(real);
    if (length < size)
        memcpy(buffer, real, length);
    free(real);
    return length < size ? (ssize_t)length : -ENAMETOOLONG;
}
