#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

// A ring of io_uring(7), by liburing, as Swift can call it: liburing's own header stands against the kernel's, which
// swift-system brings along. A negated errno, or what is said.

struct cu_ring;

/// Makes a ring for so many requests at a time.
int cu_ring_create(unsigned capacity, struct cu_ring **ring);
/// Readable while requests are done that were not taken: no need to be told of each by an event.
int cu_ring_descriptor(const struct cu_ring *ring);
/// The kernel ends what is under way by itself.
void cu_ring_destroy(struct cu_ring *ring);

// A request that is begun with the next `cu_ring_start`; `tag` comes back with its end.

void cu_ring_read(struct cu_ring *ring, int file, const struct iovec *vectors, unsigned count, uint64_t offset, uint64_t tag);
/// `durable`: on the disk when it is done (RWF_DSYNC).
void cu_ring_write(
    struct cu_ring *ring, int file, const struct iovec *vectors, unsigned count, uint64_t offset, bool durable,
    uint64_t tag);
/// fdatasync(2).
void cu_ring_sync(struct cu_ring *ring, int file, uint64_t tag);
/// fallocate(2).
void cu_ring_change_range(struct cu_ring *ring, int file, int mode, uint64_t offset, uint64_t size, uint64_t tag);

/// Begins all that waits for it.
void cu_ring_start(struct cu_ring *ring);
/// Takes a request that is done; false where there is none.
bool cu_ring_take(struct cu_ring *ring, uint64_t *tag, int32_t *result);
/// Waits until one is done; one must be under way.
void cu_ring_wait(struct cu_ring *ring);
