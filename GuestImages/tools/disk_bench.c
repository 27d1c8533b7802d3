// A program that measures a disk past the guest's cache, with many requests under way at a time (aio, direct access).

#define _GNU_SOURCE
#include "guest_tools.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { max_depth = 256, exit_usage = 64 };

/// What is measured.
struct load {
    int disk;
    bool writes, random;
    size_t size;
    uint64_t blocks, next, state;
    struct iocb requests[max_depth];
    uint64_t begun[max_depth];
};

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t next_block(struct load *load) {
    if (!load->random)
        return load->next++ % load->blocks;
    load->state = load->state * 6364136223846793005 + 1442695040888963407;
    return (load->state >> 33) % load->blocks;
}

static bool submit(struct load *load, aio_context_t context, int slot) {
    struct iocb *request = &load->requests[slot];
    request->aio_offset = (int64_t)(next_block(load) * load->size);
    load->begun[slot] = now();
    return syscall(SYS_io_submit, context, 1l, &request) == 1;
}

/// Keeps `depth` requests under way until a time; returns how many were done, or -1 after a message.
static int64_t measure(struct load *load, int depth, uint64_t end, uint64_t *waited) {
    aio_context_t context = 0;
    if (syscall(SYS_io_setup, depth, &context) != 0) {
        fprintf(stderr, "disk-bench: io_setup: %s\n", strerror(errno));
        return -1;
    }
    int64_t done = 0;
    for (int slot = 0; slot < depth; slot++) {
        if (!submit(load, context, slot))
            goto failed;
    }
    for (int under_way = depth; under_way > 0;) {
        struct io_event events[max_depth];
        long count = syscall(SYS_io_getevents, context, 1l, (long)depth, events, NULL);
        if (count < 0 && errno != EINTR)
            goto failed;
        for (long event = 0; event < count; event++) {
            int slot = (int)events[event].data;
            if (events[event].res != (int64_t)load->size) {
                errno = events[event].res < 0 ? (int)-events[event].res : EIO;
                goto failed;
            }
            uint64_t time = now();
            *waited += time - load->begun[slot];
            done++;
            if (time >= end)
                under_way--;
            else if (!submit(load, context, slot))
                goto failed;
        }
    }
    syscall(SYS_io_destroy, context);
    return done;
failed:
    fprintf(stderr, "disk-bench: %s\n", strerror(errno));
    syscall(SYS_io_destroy, context);
    return -1;
}

int disk_bench(int count, char **arguments) {
    if (count != 7) {
        fprintf(stderr, "usage: disk-bench DISK read|write random|sequential BYTES DEPTH MILLISECONDS\n");
        return exit_usage;
    }
    static struct load load;
    load.writes = strcmp(arguments[2], "write") == 0;
    load.random = strcmp(arguments[3], "random") == 0;
    load.size = strtoul(arguments[4], NULL, 10);
    int depth = atoi(arguments[5]);
    uint64_t time = strtoul(arguments[6], NULL, 10) * 1000000, size = 0;
    load.disk = open(arguments[1], (load.writes ? O_WRONLY : O_RDONLY) | O_DIRECT | O_CLOEXEC);
    if (load.disk < 0 || ioctl(load.disk, BLKGETSIZE64, &size) != 0 || load.size == 0 || size < load.size || depth < 1 ||
        depth > max_depth) {
        fprintf(stderr, "disk-bench: %s: %s\n", arguments[1], errno ? strerror(errno) : "nothing to measure");
        return 1;
    }
    load.blocks = size / load.size;
    load.state = now();
    char *memory = aligned_alloc(4096, load.size * (size_t)depth);
    if (memory == NULL) {
        fprintf(stderr, "disk-bench: no memory\n");
        return 1;
    }
    memset(memory, 0x5A, load.size * (size_t)depth);
    for (int slot = 0; slot < depth; slot++) {
        load.requests[slot] = (struct iocb){
            .aio_data = (uint64_t)slot, .aio_lio_opcode = load.writes ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
            .aio_fildes = (uint32_t)load.disk, .aio_buf = (uintptr_t)(memory + load.size * (size_t)slot),
            .aio_nbytes = load.size};
    }
    uint64_t begin = now(), waited = 0;
    int64_t done = measure(&load, depth, begin + time, &waited);
    if (done < 0)
        return 1;
    // Requests, nanoseconds that they took together with what ran beside them, and the nanoseconds that each took.
    printf("requests %" PRId64 " time %" PRIu64 " latency %" PRIu64 "\n", done, now() - begin, waited / (uint64_t)done);
    return 0;
}
