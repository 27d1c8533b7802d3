// A load of processes that allocate, write, verify and free memory all the time, and fork.

#define _GNU_SOURCE
#include "guest_memory.h"
#include "memory_load.h"
#include "pattern.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    least_workers = 2,
    /// Pieces of memory that a worker has at most.
    region_count = 8,
    page_size = 4096,
    watching_interval = 100,
    /// So that the guest's agent has its turn.
    niceness = 10,
    exit_corrupt = 2,
};

/// What processes tell each other.
struct progress {
    atomic_int started;
    atomic_ullong verified;
};
static struct progress *progress;

static pid_t *workers;
static long worker_count;
static size_t size;

/// Memory of a worker, which has the pattern of a seed.
struct region {
    uint64_t *memory;
    size_t size;
    uint64_t seed;
};

/// A worker: the memory it has, how much that may be, and where its random numbers are.
static struct region regions[region_count];
static size_t held, share;
static uint64_t random_seed, random_index;

static uint64_t random_below(uint64_t limit) {
    return pattern_word(random_seed, random_index++) % limit;
}

static void pause_shortly(void) {
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
}

/// Ends the process when memory is not as it must be.
static void verify_part(const struct region *region, size_t offset, size_t length) {
    if (!load_check(region->memory + offset / sizeof *region->memory, length, offset, region->seed))
        _exit(exit_corrupt);
    atomic_fetch_add(&progress->verified, length);
}

static void verify_region(const struct region *region) {
    verify_part(region, 0, region->size);
}

/// Fills memory that was never written, or was given up: it has to be zero.
static void fill_part(const struct region *region, size_t offset, size_t length) {
    uint64_t *words = region->memory + offset / sizeof *region->memory;
    for (size_t index = 0; index < length / sizeof *words; index++) {
        if (words[index] != 0) {
            load_wrong_word(offset + index * sizeof *words, words[index], 0);
            _exit(exit_corrupt);
        }
    }
    load_fill(words, length, offset, region->seed);
}

/// A size in whole pages that still fits; 0 when none does.
static size_t random_size(void) {
    size_t pages = (share - held) / page_size;
    return pages ? (random_below(pages) + 1) * page_size : 0;
}

static void map_region(struct region *region) {
    size_t length = random_size();
    if (length == 0)
        return;
    void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        pause_shortly();
        return;
    }
    if (random_below(2))
        madvise(memory, length, MADV_HUGEPAGE);
    *region = (struct region){.memory = memory, .size = length, .seed = random_below(UINT64_MAX)};
    held += length;
    fill_part(region, 0, length);
}

static void free_region(struct region *region) {
    verify_region(region);
    munmap(region->memory, region->size);
    held -= region->size;
    *region = (struct region){0};
}

static void resize_region(struct region *region) {
    size_t former = region->size;
    held -= former;
    size_t length = random_size();
    void *memory = mremap(region->memory, former, length, MREMAP_MAYMOVE);
    if (memory == MAP_FAILED) {
        held += former;
        pause_shortly();
        return;
    }
    region->memory = memory;
    region->size = length;
    held += length;
    if (length > former)
        fill_part(region, former, length - former);
    verify_region(region);
}

/// Gives up a part of a region, and writes it anew.
static void discard_part(const struct region *region) {
    size_t pages = region->size / page_size, first = random_below(pages), count = random_below(pages - first) + 1;
    size_t offset = first * page_size, length = count * page_size;
    verify_part(region, offset, length);
    if (madvise((char *)region->memory + offset, length, MADV_DONTNEED) == 0)
        fill_part(region, offset, length);
}

/// Ends this process with its parent.
static void end_with(pid_t parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
}

/// What a child does with the region that it shares: it writes the first quarter, and finds the rest as it was.
static _Noreturn void use_copy(struct region region, pid_t parent) {
    end_with(parent);
    size_t quarter = region.size / 4 / sizeof *region.memory * sizeof *region.memory;
    struct region own = {.memory = region.memory, .size = quarter, .seed = region.seed + 1};
    verify_part(&region, 0, quarter);
    load_fill(own.memory, own.size, 0, own.seed);
    verify_part(&region, quarter, region.size - quarter);
    verify_region(&own);
    _exit(0);
}

/// Tells of a process that didn't end well. The kernel may have ended it where memory is short.
static void judge_end(int status) {
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        load_corrupt("corrupt: a process ended with %s", strsignal(WTERMSIG(status)));
}

static void fork_with(const struct region *region) {
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        use_copy(*region, parent);
    if (child < 0) {
        pause_shortly();
        return;
    }
    size_t quarter = region->size / 4 / sizeof *region->memory * sizeof *region->memory;
    load_fill(region->memory, quarter, 0, region->seed);
    int status = 0;
    waitpid(child, &status, 0);
    judge_end(status);
    verify_region(region);
}

static void use_region(struct region *region) {
    if (!region->memory) {
        map_region(region);
        return;
    }
    switch (random_below(5)) {
    case 0:
        free_region(region);
        break;
    case 1:
        resize_region(region);
        break;
    case 2:
        discard_part(region);
        break;
    case 3:
        fork_with(region);
        break;
    default:
        verify_region(region);
    }
}

/// Whether there is address space for what a worker is to use.
static bool try_share(void) {
    void *memory = mmap(NULL, share, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    munmap(memory, share);
    return true;
}

static _Noreturn void work(pid_t parent) {
    end_with(parent);
    if (nice(niceness) < 0)
        perror("memory-load: nice");
    if (!try_share()) {
        load_fail("mapping %zu bytes: %s", share, strerror(errno));
        _exit(1);
    }
    atomic_fetch_add(&progress->started, 1);
    random_seed = (uint64_t)getpid();
    for (;;)
        use_region(&regions[random_below(region_count)]);
}

static bool start_worker(long index) {
    pid_t parent = getpid();
    workers[index] = fork();
    if (workers[index] == 0)
        work(parent);
    return workers[index] > 0;
}

/// Looks for workers that ended, and starts again those that the kernel ended where memory was short.
static enum load_outcome watch(void) {
    int status;
    for (pid_t ended; (ended = waitpid(-1, &status, WNOHANG)) > 0;) {
        long index = 0;
        while (index < worker_count && workers[index] != ended)
            index++;
        if (index == worker_count)
            continue;
        workers[index] = 0;
        judge_end(status);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 1)
            return load_failed;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            continue;
        load_fail("a process was killed; another takes its place");
        if (!start_worker(index))
            return load_fail("starting a process: %s", strerror(errno));
    }
    return load_goes_on;
}

static enum load_outcome begin(const struct load *load) {
    if (!bind_program("memory-load", load->node))
        return load_failed;
    long processors = sysconf(_SC_NPROCESSORS_ONLN), wanted = processors < least_workers ? least_workers : processors;
    size = load->size;
    share = size / (size_t)wanted / page_size * page_size;
    if (share < page_size)
        return load_fail("%zu bytes are too few for %ld processes", size, wanted);
    // What workers leave behind, this process waits for.
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    progress = mmap(NULL, sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    workers = calloc((size_t)wanted, sizeof *workers);
    if (progress == MAP_FAILED || !workers)
        return load_fail("no memory for %ld processes", wanted);
    while (worker_count < wanted) {
        if (!start_worker(worker_count))
            return load_fail("starting a process: %s", strerror(errno));
        worker_count++;
    }
    while (atomic_load(&progress->started) < worker_count) {
        enum load_outcome outcome = load_must_end() ? load_ends : watch();
        if (outcome != load_goes_on)
            return outcome;
        pause_shortly();
    }
    load_say("ready %zu processes %ld", size, worker_count);
    return load_goes_on;
}

static enum load_outcome verify(void) {
    enum load_outcome outcome = watch();
    if (outcome != load_goes_on)
        return outcome;
    if (load_corruption())
        load_say("%s", load_corruption());
    else
        load_say("intact %zu verified %llu", size, (unsigned long long)atomic_load(&progress->verified));
    return load_goes_on;
}

static void end(void) {
    for (long index = 0; index < worker_count; index++) {
        if (workers[index] > 0)
            kill(workers[index], SIGKILL);
    }
    // Their children end with them.
    while (waitpid(-1, NULL, 0) > 0)
        ;
    free(workers);
}

const struct load_kind load_stress = {
    .name = "stress", .begin = begin, .verify = verify, .step = watch, .interval = watching_interval, .end = end};
