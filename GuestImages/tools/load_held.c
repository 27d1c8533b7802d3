// Loads that hold memory of this process, filled with a pattern.

#define _GNU_SOURCE
#include "guest_memory.h"
#include "memory_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

/// Memory that is held; `filled` bytes of it have the pattern.
static uint64_t *memory;
static size_t size, filled;
static uint64_t seed;

/// Where the number of huge pages is set, and how many this program added.
static int pool = -1;
static unsigned long added;

static enum load_outcome fill(void) {
    while (filled < size) {
        if (load_must_end())
            return load_ends;
        size_t piece = size - filled < load_piece ? size - filled : load_piece;
        load_fill(memory + filled / sizeof *memory, piece, filled, seed);
        filled += piece;
    }
    return load_goes_on;
}

/// Maps what is to be held, and a bit more to find a place where huge pages can begin.
static enum load_outcome map_aligned(const struct load *load, size_t alignment) {
    seed = load->seed;
    size_t length = load->size + alignment;
    char *place = length < alignment ? MAP_FAILED
                                     : mmap(NULL, length, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED)
        return load_fail("mapping %zu bytes: %s", load->size, strerror(length < alignment ? ENOMEM : errno));
    size_t before = alignment ? -(uintptr_t)place % alignment : 0;
    if (before)
        munmap(place, before);
    memory = (uint64_t *)(place + before);
    size = load->size;
    return bind_memory("memory-load", load->node, memory, size) ? load_goes_on : load_failed;
}

static enum load_outcome begin_anonymous(const struct load *load) {
    enum load_outcome outcome = map_aligned(load, 0);
    if (outcome == load_goes_on)
        outcome = fill();
    if (outcome == load_goes_on)
        load_say("ready %zu", size);
    return outcome;
}

static enum load_outcome begin_mlock(const struct load *load) {
    enum load_outcome outcome = map_aligned(load, 0);
    // Each page is locked as soon as there is one.
    if (outcome == load_goes_on && mlock2(memory, size, MLOCK_ONFAULT) != 0)
        outcome = load_fail("locking %zu bytes: %s", size, strerror(errno));
    if (outcome == load_goes_on)
        outcome = fill();
    if (outcome == load_goes_on)
        load_say("ready %zu", size);
    return outcome;
}

/// Bytes that are in transparent huge pages.
static size_t huge_bytes(void) {
    return load_read_bytes("/proc/self/smaps_rollup", "AnonHugePages");
}

static enum load_outcome begin_thp(const struct load *load) {
    enum load_outcome outcome = map_aligned(load, load_huge_page);
    if (outcome == load_goes_on && madvise(memory, size, MADV_HUGEPAGE) != 0)
        outcome = load_fail("asking for huge pages: %s", strerror(errno));
    if (outcome == load_goes_on)
        outcome = fill();
    if (outcome == load_goes_on)
        load_say("ready %zu huge %zu", size, huge_bytes());
    return outcome;
}

/// Reads a number of huge pages, of one node or of all. 0 where there is none.
static unsigned long huge_pages(const char *directory, const char *name) {
    char path[128], text[32] = {0};
    snprintf(path, sizeof path, "%s/%s", directory, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) < 0)
        text[0] = '\0';
    if (file >= 0)
        close(file);
    return strtoul(text, NULL, 10);
}

/// Sets how many huge pages there are to be; returns how many there are then.
static unsigned long set_huge_pages(unsigned long count) {
    char text[32] = {0};
    if (dprintf(pool, "%lu\n", count) < 0 || pread(pool, text, sizeof text - 1, 0) < 0)
        return 0;
    return strtoul(text, NULL, 10);
}

/// Gives the pool as many pages as are missing. Others of these programs wait meanwhile.
static enum load_outcome grow_pool(const char *directory, unsigned long needed) {
    char path[128];
    snprintf(path, sizeof path, "%s/nr_hugepages", directory);
    pool = open(path, O_RDWR | O_CLOEXEC);
    if (pool < 0)
        return load_fail("%s: %s", path, strerror(errno));
    flock(pool, LOCK_EX);
    static const char all[] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    unsigned long count = huge_pages(directory, "nr_hugepages"), available = huge_pages(directory, "free_hugepages");
    unsigned long unused = huge_pages(all, "free_hugepages") - huge_pages(all, "resv_hugepages");
    if (available > unused)
        available = unused;
    if (available >= needed)
        return load_goes_on;
    // The kernel would try hard, and take from everybody, for nothing.
    if (needed - available > load_read_bytes("/proc/meminfo", "MemAvailable") / load_huge_page)
        return load_fail("there is no memory for %lu huge pages", needed - available);
    unsigned long reached = set_huge_pages(count + needed - available);
    added = reached > count ? reached - count : 0;
    if (available + added >= needed)
        return load_goes_on;
    return load_fail("%s: only %lu of %lu huge pages can be had", path, available + added, needed);
}

/// Maps the huge pages, and has them all at once: what is missing later would be a bus error.
static enum load_outcome map_huge_pages(const struct load *load) {
    void *place = mmap(NULL, load->size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT, -1, 0);
    if (place == MAP_FAILED)
        return load_fail("mapping %zu bytes of huge pages: %s", load->size, strerror(errno));
    memory = place;
    size = load->size;
    if (!bind_memory("memory-load", load->node, memory, size))
        return load_failed;
    if (madvise(memory, size, MADV_POPULATE_WRITE) != 0)
        return load_fail("getting %zu bytes of huge pages: %s", size, strerror(errno));
    return load_goes_on;
}

static enum load_outcome begin_hugetlb(const struct load *asked) {
    struct load load = *asked;
    load.size = (load.size + load_huge_page - 1) / load_huge_page * load_huge_page;
    seed = load.seed;
    char directory[96] = "/sys/kernel/mm/hugepages/hugepages-2048kB";
    int node;
    if (parse_node(load.node, &node) && node >= 0)
        snprintf(directory, sizeof directory, "/sys/devices/system/node/node%d/hugepages/hugepages-2048kB", node);
    enum load_outcome outcome = grow_pool(directory, load.size / load_huge_page);
    if (outcome == load_goes_on)
        outcome = map_huge_pages(&load);
    if (outcome == load_goes_on)
        flock(pool, LOCK_UN);
    if (outcome == load_goes_on)
        outcome = fill();
    if (outcome == load_goes_on)
        load_say("ready %zu", size);
    return outcome;
}

/// Whether everything is as it was. An end that is asked for goes first.
static enum load_outcome check(void) {
    for (size_t offset = 0; offset < size; offset += load_piece) {
        if (load_must_end())
            return load_ends;
        size_t piece = size - offset < load_piece ? size - offset : load_piece;
        if (!load_check(memory + offset / sizeof *memory, piece, offset, seed))
            return load_failed;
    }
    return load_goes_on;
}

static enum load_outcome verify(void) {
    enum load_outcome outcome = check();
    if (outcome == load_goes_on)
        load_say("intact %zu", size);
    return outcome == load_ends ? load_ends : load_goes_on;
}

static enum load_outcome verify_thp(void) {
    enum load_outcome outcome = check();
    if (outcome == load_goes_on)
        load_say("intact %zu huge %zu", size, huge_bytes());
    return outcome == load_ends ? load_ends : load_goes_on;
}

static void end(void) {
    if (memory)
        munmap(memory, size);
}

static void end_hugetlb(void) {
    end();
    if (pool < 0)
        return;
    flock(pool, LOCK_EX);
    char text[32] = {0};
    if (added > 0 && pread(pool, text, sizeof text - 1, 0) > 0) {
        unsigned long count = strtoul(text, NULL, 10);
        set_huge_pages(count > added ? count - added : 0);
    }
    close(pool);
}

const struct load_kind load_anonymous = {.name = "anonymous", .begin = begin_anonymous, .verify = verify, .end = end};
const struct load_kind load_pattern = {.name = "pattern", .begin = begin_anonymous, .verify = verify, .end = end};
const struct load_kind load_mlock = {.name = "mlock", .begin = begin_mlock, .verify = verify, .end = end};
const struct load_kind load_thp = {.name = "thp", .begin = begin_thp, .verify = verify_thp, .end = end};
const struct load_kind load_hugetlb = {.name = "hugetlb", .begin = begin_hugetlb, .verify = verify, .end = end_hugetlb};
