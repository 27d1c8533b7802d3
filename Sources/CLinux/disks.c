#define _GNU_SOURCE

#include "disks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(CL_RWF_DSYNC == RWF_DSYNC, "RWF_DSYNC");
_Static_assert(CL_O_DIRECT == O_DIRECT, "O_DIRECT");
_Static_assert(CL_PUNCH_HOLE == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE), "FALLOC_FL_PUNCH_HOLE");
_Static_assert(CL_ZERO_RANGE == (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE), "FALLOC_FL_ZERO_RANGE");

ssize_t cl_preadv(int descriptor, const struct iovec *vectors, int count, uint64_t offset) {
    ssize_t result = preadv(descriptor, vectors, count, (off_t)offset);
    return result < 0 ? -errno : result;
}

ssize_t cl_pwritev(int descriptor, const struct iovec *vectors, int count, uint64_t offset, bool durable) {
    ssize_t result = pwritev2(descriptor, vectors, count, (off_t)offset, durable ? RWF_DSYNC : 0);
    return result < 0 ? -errno : result;
}

int cl_sync_data(int descriptor) {
    return fdatasync(descriptor) < 0 ? -errno : 0;
}

int cl_change_range(int descriptor, int mode, uint64_t offset, uint64_t size) {
    return fallocate(descriptor, mode, (off_t)offset, (off_t)size) < 0 ? -errno : 0;
}

int cl_disk_state(int descriptor, struct cl_disk_state *state) {
    struct stat status;
    if (fstat(descriptor, &status) < 0)
        return -errno;
    *state = (struct cl_disk_state){
        .size = (uint64_t)status.st_size, .block_size = 512, .is_regular = S_ISREG(status.st_mode),
        .is_block_device = S_ISBLK(status.st_mode), .is_directory = S_ISDIR(status.st_mode)};
    if (!state->is_block_device)
        return 0;
    int block_size;
    if (ioctl(descriptor, BLKGETSIZE64, &state->size) < 0 || ioctl(descriptor, BLKSSZGET, &block_size) < 0)
        return -errno;
    state->block_size = (uint32_t)block_size;
    return 0;
}

int cl_try_direct(int descriptor, uint32_t size) {
    // Aligned to the piece, and no better.
    char *memory = NULL;
    if (posix_memalign((void **)&memory, 2 * size, 2 * size) != 0)
        return -ENOMEM;
    ssize_t result = pread(descriptor, memory + size, size, 0);
    int error = errno;
    free(memory);
    return result < 0 ? -error : 0;
}

int cl_lock_disk(int descriptor, bool writes) {
    struct flock lock = {.l_type = writes ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET};
    if (fcntl(descriptor, F_OFD_SETLK, &lock) == 0)
        return 0;
    return errno == EACCES ? -EAGAIN : -errno;
}
