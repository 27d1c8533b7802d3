#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// What a disk is read and written by. A negated errno, or what is said.

/// preadv(2): bytes read, 0 at the end.
ssize_t cl_preadv(int descriptor, const struct iovec *vectors, int count, uint64_t offset);

/// pwritev2(2): bytes written; `durable` ones are on the disk when it returns (RWF_DSYNC).
ssize_t cl_pwritev(int descriptor, const struct iovec *vectors, int count, uint64_t offset, bool durable);

/// fdatasync(2).
int cl_sync_data(int descriptor);

/// The modes of fallocate(2) that leave a file's size alone.
enum {
    CL_PUNCH_HOLE = 0x02 | 0x01,
    CL_ZERO_RANGE = 0x10 | 0x01,
};

/// fallocate(2).
int cl_change_range(int descriptor, int mode, uint64_t offset, uint64_t size);

/// The flag of a durable write (linux/fs.h).
enum { CL_RWF_DSYNC = 0x02 };

struct cl_disk_state {
    /// Bytes.
    uint64_t size;
    /// The least that is read and written at once, in bytes.
    uint32_t block_size;
    bool is_regular;
    bool is_block_device;
    bool is_directory;
};

/// The flag of direct access (open(2)) on x86.
enum { CL_O_DIRECT = 0x4000 };

/// What there is to know about a file or block device that is to be a disk.
int cl_disk_state(int descriptor, struct cl_disk_state *state);

/// Whether a piece of a file of that many bytes, at its start, can be read into memory that is as well aligned: 0, or
/// -EINVAL where a file that is open for direct access (O_DIRECT) wants larger ones.
int cl_try_direct(int descriptor, uint32_t size);

/// Takes a lock of a whole file, for its open file description (F_OFD_SETLK): that of its writer, or one of many
/// readers'. 0, -EAGAIN where another one stands against it, or a negated errno.
int cl_lock_disk(int descriptor, bool writes);
