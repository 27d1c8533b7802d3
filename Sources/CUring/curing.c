#include "curing.h"

#include <errno.h>
#include <liburing.h>
#include <sched.h>
#include <stdlib.h>

struct cu_ring {
    struct io_uring ring;
};

int cu_ring_create(unsigned capacity, struct cu_ring **ring) {
    *ring = calloc(1, sizeof **ring);
    if (*ring == NULL)
        return -ENOMEM;
    int result = io_uring_queue_init(capacity, &(*ring)->ring, 0);
    if (result < 0) {
        free(*ring);
        *ring = NULL;
    }
    return result;
}

int cu_ring_descriptor(const struct cu_ring *ring) {
    return ring->ring.ring_fd;
}

void cu_ring_destroy(struct cu_ring *ring) {
    io_uring_queue_exit(&ring->ring);
    free(ring);
}

/// Room for a request: there is some as soon as what waits was begun.
static struct io_uring_sqe *entry(struct cu_ring *ring) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);
    if (entry == NULL) {
        cu_ring_start(ring);
        entry = io_uring_get_sqe(&ring->ring);
    }
    return entry;
}

void cu_ring_read(
    struct cu_ring *ring, int file, const struct iovec *vectors, unsigned count, uint64_t offset, uint64_t tag) {
    struct io_uring_sqe *request = entry(ring);
    io_uring_prep_readv(request, file, vectors, count, offset);
    io_uring_sqe_set_data64(request, tag);
}

void cu_ring_write(
    struct cu_ring *ring, int file, const struct iovec *vectors, unsigned count, uint64_t offset, bool durable,
    uint64_t tag) {
    struct io_uring_sqe *request = entry(ring);
    io_uring_prep_writev2(request, file, vectors, count, offset, durable ? RWF_DSYNC : 0);
    io_uring_sqe_set_data64(request, tag);
}

void cu_ring_sync(struct cu_ring *ring, int file, uint64_t tag) {
    struct io_uring_sqe *request = entry(ring);
    io_uring_prep_fsync(request, file, IORING_FSYNC_DATASYNC);
    io_uring_sqe_set_data64(request, tag);
}

void cu_ring_change_range(struct cu_ring *ring, int file, int mode, uint64_t offset, uint64_t size, uint64_t tag) {
    struct io_uring_sqe *request = entry(ring);
    io_uring_prep_fallocate(request, file, mode, (off_t)offset, (off_t)size);
    io_uring_sqe_set_data64(request, tag);
}

void cu_ring_start(struct cu_ring *ring) {
    while (io_uring_sq_ready(&ring->ring) > 0) {
        // The kernel may be short of memory for a moment, or take a part.
        if (io_uring_submit(&ring->ring) < 0)
            sched_yield();
    }
}

bool cu_ring_take(struct cu_ring *ring, uint64_t *tag, int32_t *result) {
    struct io_uring_cqe *entry;
    if (io_uring_peek_cqe(&ring->ring, &entry) != 0)
        return false;
    *tag = io_uring_cqe_get_data64(entry);
    *result = entry->res;
    io_uring_cqe_seen(&ring->ring, entry);
    return true;
}

void cu_ring_wait(struct cu_ring *ring) {
    struct io_uring_cqe *entry;
    while (io_uring_wait_cqe(&ring->ring, &entry) == -EINTR) {
    }
}
