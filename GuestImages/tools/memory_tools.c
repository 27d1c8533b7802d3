// Programs that use memory of one NUMA node, and of no other, so that a test knows which device's memory it is.

#define _GNU_SOURCE
#include "guest_memory.h"
#include "guest_tools.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

enum { pages_per_pipe = 16 };

static void verify(const uint64_t *memory, size_t size, uint64_t seed) {
    for (size_t index = 0; index < size / sizeof *memory; index++) {
        uint64_t found = *(const volatile uint64_t *)&memory[index];
        if (found != pattern_word(seed, index)) {
            printf("corrupt at %zu: found %016" PRIx64 " instead of %016" PRIx64 "\n", index * sizeof *memory, found,
                   pattern_word(seed, index));
            return;
        }
    }
    printf("intact %zu\n", size);
}

int memory_pattern(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count != 4) {
        fprintf(stderr, "usage: memory-pattern NODE|any SIZE SEED\n");
        return 64;
    }
    char *end;
    uint64_t seed = strtoull(arguments[3], &end, 0);
    if (end == arguments[3] || *end != '\0') {
        fprintf(stderr, "memory-pattern: %s is not a seed: a number\n", arguments[3]);
        return 64;
    }
    // A verification asked for early waits until there is something to verify.
    sigset_t verification;
    sigemptyset(&verification);
    sigaddset(&verification, SIGUSR1);
    sigprocmask(SIG_BLOCK, &verification, NULL);
    size_t size;
    uint64_t *memory = map_memory(arguments[0], arguments[1], arguments[2], &size);
    if (!memory)
        return 1;
    for (size_t index = 0; index < size / sizeof *memory; index++)
        memory[index] = pattern_word(seed, index);
    printf("filled %zu\n", size);
    for (;;) {
        if (sigwaitinfo(&verification, NULL) == SIGUSR1)
            verify(memory, size, seed);
    }
}

int memory_touch(int count, char **arguments) {
    if (count != 3) {
        fprintf(stderr, "usage: memory-touch NODE|any SIZE\n");
        return 64;
    }
    size_t size;
    uint64_t *memory = map_memory(arguments[0], arguments[1], arguments[2], &size);
    if (!memory)
        return 1;
    size_t step = (size_t)sysconf(_SC_PAGESIZE) / sizeof *memory;
    for (size_t index = 0; index < size / sizeof *memory; index += step)
        *(volatile uint64_t *)&memory[index] = index + 1;
    printf("touched %zu\n", size);
    return 0;
}

/// Has a pipe hold a page: nothing can move it then, in whichever zone it is. False after a message when that can't be.
static bool pin_page(void *page, size_t number) {
    static int ends[2];
    if (number % pages_per_pipe == 0 && pipe2(ends, O_CLOEXEC) != 0) {
        perror("memory-pin: making a pipe");
        return false;
    }
    struct iovec piece = {.iov_base = page, .iov_len = (size_t)sysconf(_SC_PAGESIZE)};
    if (vmsplice(ends[1], &piece, 1, SPLICE_F_NONBLOCK) != (ssize_t)piece.iov_len) {
        perror("memory-pin: splicing a page");
        return false;
    }
    return true;
}

/// Where in physical memory a page of this program is (kernel document admin-guide/mm/pagemap). False after a message
/// when that can't be told.
static bool find_page(const void *page, uint64_t *address) {
    static int pagemap = -1;
    if (pagemap < 0)
        pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    const uint64_t present = 1ull << 63, number = (1ull << 55) - 1, size = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t entry;
    if (pread(pagemap, &entry, sizeof entry, (off_t)((uintptr_t)page / size * sizeof entry)) != sizeof entry) {
        perror("memory-pin: /proc/self/pagemap");
        return false;
    }
    if (!(entry & present) || (entry & number) == 0) {
        fprintf(stderr, "memory-pin: /proc/self/pagemap hides where pages are\n");
        return false;
    }
    *address = (entry & number) * size;
    return true;
}

int memory_pin(int count, char **arguments) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    size_t size, step;
    if (count != 4 || !parse_size(arguments[3], &step) || step % (size_t)sysconf(_SC_PAGESIZE) != 0) {
        fprintf(stderr, "usage: memory-pin NODE|any SIZE STEP    (STEP in whole pages)\n");
        return 64;
    }
    char *memory = (char *)map_memory("memory-pin", arguments[1], arguments[2], &size);
    if (!memory)
        return 1;
    // Page by page, so that those that are pinned are as far apart in physical memory.
    madvise(memory, size, MADV_NOHUGEPAGE);
    memset(memory, 1, size);
    size_t pinned = 0;
    for (size_t offset = 0; offset < size; offset += step) {
        uint64_t address;
        if (!pin_page(memory + offset, pinned++) || !find_page(memory + offset, &address))
            return 1;
        printf("at 0x%" PRIx64 "\n", address);
    }
    // The pipes keep what they hold.
    munmap(memory, size);
    printf("pinned %zu\n", pinned);
    for (;;)
        pause();
}
