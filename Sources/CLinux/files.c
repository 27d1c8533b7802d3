#define _GNU_SOURCE
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

/// Closes a descriptor and gives the errno of the call before.
static int fail(int descriptor) {
    int error = errno;
    close(descriptor);
    return -error;
}

int cl_memory_file(const char *name) {
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor < 0 ? -errno : descriptor;
}

int cl_huge_memory_file(const char *name, uint64_t page_size) {
    unsigned int shift = (unsigned int)__builtin_ctzll(page_size);
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | shift << MAP_HUGE_SHIFT);
    return descriptor < 0 ? -errno : descriptor;
}

int cl_unnamed_file(const char *directory) {
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    return descriptor < 0 ? -errno : descriptor;
}

int cl_resize_file(int descriptor, uint64_t size) {
    int result;
    do
        result = ftruncate(descriptor, (off_t)size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

static int allocate(int descriptor, int mode, uint64_t offset, uint64_t size) {
    int result;
    do
        result = fallocate(descriptor, mode, (off_t)offset, (off_t)size);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : 0;
}

int cl_allocate(int descriptor, uint64_t offset, uint64_t size) {
    return allocate(descriptor, 0, offset, size);
}

int cl_punch_hole(int descriptor, uint64_t offset, uint64_t size) {
    return allocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
}

int cl_lock_file(int descriptor) {
    return flock(descriptor, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

int cl_file_state(int descriptor, struct cl_file_state *state) {
    struct stat status;
    struct statfs filesystem;
    if (fstat(descriptor, &status) < 0 || fstatfs(descriptor, &filesystem) < 0)
        return -errno;
    *state = (struct cl_file_state){
        .size = (uint64_t)status.st_size,
        .is_regular = S_ISREG(status.st_mode),
        .is_huge = filesystem.f_type == HUGETLBFS_MAGIC,
        .is_memory = filesystem.f_type == TMPFS_MAGIC || filesystem.f_type == RAMFS_MAGIC,
        .page_size = (uint64_t)filesystem.f_bsize,
        .available = filesystem.f_blocks == 0 ? UINT64_MAX // no limit, as of files in memory without a mount
                                               : (uint64_t)filesystem.f_bavail * (uint64_t)filesystem.f_bsize,
    };
    // hugetlbfs does not tell holes from data, but counts the pages that a file has.
    if (state->is_huge)
        state->has_data = status.st_blocks > 0;
    else
        state->has_data = status.st_size > 0 && (lseek(descriptor, 0, SEEK_DATA) >= 0 || errno != ENXIO);
    return 0;
}

int cl_seal_size(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0 ? -errno : 0;
}

int cl_seal(int descriptor) {
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    return fcntl(descriptor, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int cl_pseudo_terminal(char *name, size_t size) {
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0)
        return -errno;
    // Without raw mode, the terminal would echo what the guest writes back to it as if somebody typed it.
    struct termios mode;
    if (grantpt(master) < 0 || unlockpt(master) < 0 || tcgetattr(master, &mode) < 0)
        return fail(master);
    cfmakeraw(&mode);
    if (tcsetattr(master, TCSANOW, &mode) < 0)
        return fail(master);
    int error = ptsname_r(master, name, size);
    if (error != 0) {
        close(master);
        return -error;
    }
    // Only a terminal that somebody had open once is reported as hung up while nobody has.
    int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0)
        return fail(master);
    close(slave);
    return master;
}

static int make_address(struct sockaddr_un *address, const char *path) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

int cl_listen(const char *path) {
    struct sockaddr_un address;
    int error = make_address(&address, path);
    if (error < 0)
        return error;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    // Whoever may write to the socket rules the machine: nobody but its owner. Linux gives the file the descriptor's mode; a
    // umask would be every thread's.
    if (fchmod(descriptor, 0700) < 0 || bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(descriptor);
    if (listen(descriptor, SOMAXCONN) < 0) {
        error = fail(descriptor);
        unlink(path);
        return error;
    }
    return descriptor;
}

static int connect_to(const char *path, int flags) {
    struct sockaddr_un address;
    int error = make_address(&address, path);
    if (error < 0)
        return error;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (descriptor < 0)
        return -errno;
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        return fail(descriptor);
    return descriptor;
}

int cl_connect(const char *path) {
    return connect_to(path, 0);
}

int cl_connect_at_once(const char *path) {
    return connect_to(path, SOCK_NONBLOCK);
}

int cl_is_listened_at(const char *path) {
    int result = connect_to(path, SOCK_NONBLOCK);
    if (result >= 0) {
        close(result);
        return 1;
    }
    // A full queue of a listener is a listener.
    if (result == -EAGAIN || result == -EINPROGRESS)
        return 1;
    return result == -ECONNREFUSED ? 0 : result;
}

int cl_claim_file(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}

int cl_is_file_claimed(int descriptor) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_OFD_GETLK, &lock) < 0)
        return -errno;
    return lock.l_type != F_UNLCK;
}
