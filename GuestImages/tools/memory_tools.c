// Programs that use memory of one NUMA node, and of no other, so that a test knows which device's memory it is.

#define _GNU_SOURCE
#include "guest_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/mempolicy.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { max_nodes = 1024, bits_per_word = 8 * sizeof(unsigned long) };

/// Reads a size: bytes, or with K, M or G a power of 1024. False when it is none, or not a multiple of 8.
static bool parse_size(const char *text, size_t *size) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (errno != 0 || end == text || end[shift ? 1 : 0] != '\0' || value == 0 || value > UINT64_MAX >> shift)
        return false;
    *size = value << shift;
    return *size % sizeof(uint64_t) == 0;
}

/// Maps memory that comes from the node named, or from any for "any". NULL after a message when that can't be.
static uint64_t *map_memory(const char *program, const char *node, const char *size_text, size_t *size) {
    if (!parse_size(size_text, size)) {
        fprintf(stderr, "%s: %s is not a size: bytes (a multiple of 8), or with K, M or G\n", program, size_text);
        return NULL;
    }
    void *memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "%s: mapping %s: %s\n", program, size_text, strerror(errno));
        return NULL;
    }
    if (strcmp(node, "any") == 0)
        return memory;
    char *end;
    unsigned long number = strtoul(node, &end, 10);
    if (end == node || *end != '\0' || number >= max_nodes) {
        fprintf(stderr, "%s: %s is not a node: a number, or any\n", program, node);
        return NULL;
    }
    unsigned long nodes[max_nodes / bits_per_word] = {0};
    nodes[number / bits_per_word] = 1ul << number % bits_per_word;
    // The kernel takes the number of bits plus one.
    if (syscall(SYS_mbind, memory, *size, MPOL_BIND, nodes, max_nodes + 1, 0) != 0) {
        fprintf(stderr, "%s: binding to node %s: %s\n", program, node, strerror(errno));
        return NULL;
    }
    return memory;
}

/// The word at an index: SplitMix64's output, so that pages differ from each other, and words within a page.
static uint64_t pattern(uint64_t seed, uint64_t index) {
    uint64_t word = seed + (index + 1) * 0x9E3779B97F4A7C15;
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9;
    word = (word ^ word >> 27) * 0x94D049BB133111EB;
    return word ^ word >> 31;
}

static void verify(const uint64_t *memory, size_t size, uint64_t seed) {
    for (size_t index = 0; index < size / sizeof *memory; index++) {
        uint64_t found = *(const volatile uint64_t *)&memory[index];
        if (found != pattern(seed, index)) {
            printf("corrupt at %zu: found %016" PRIx64 " instead of %016" PRIx64 "\n", index * sizeof *memory, found,
                   pattern(seed, index));
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
        memory[index] = pattern(seed, index);
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
