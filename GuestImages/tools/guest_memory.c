#define _GNU_SOURCE
#include "guest_memory.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { max_nodes = 1024, bits_per_word = 8 * sizeof(unsigned long) };

/// A set of nodes, as the kernel takes it: with the number of its bits plus one.
struct nodes {
    unsigned long words[max_nodes / bits_per_word];
};

bool parse_size(const char *text, size_t *size) {
    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (errno != 0 || end == text || end[shift ? 1 : 0] != '\0' || value == 0 || value > UINT64_MAX >> shift)
        return false;
    *size = value << shift;
    return *size % sizeof(uint64_t) == 0;
}

bool parse_node(const char *text, int *node) {
    *node = -1;
    if (strcmp(text, "any") == 0)
        return true;
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end != '\0' || number >= max_nodes)
        return false;
    *node = (int)number;
    return true;
}

/// Reads a node for binding to it. False after a message.
static bool read_node(const char *program, const char *text, int *node, struct nodes *nodes) {
    if (!parse_node(text, node)) {
        fprintf(stderr, "%s: %s is not a node: a number, or any\n", program, text);
        return false;
    }
    *nodes = (struct nodes){0};
    if (*node >= 0)
        nodes->words[*node / bits_per_word] = 1ul << *node % bits_per_word;
    return true;
}

static bool complain_about_binding(const char *program, int node) {
    fprintf(stderr, "%s: binding to node %d: %s\n", program, node, strerror(errno));
    return false;
}

bool bind_memory(const char *program, const char *node, void *memory, size_t size) {
    int number;
    struct nodes nodes;
    if (!read_node(program, node, &number, &nodes))
        return false;
    if (number >= 0 && syscall(SYS_mbind, memory, size, MPOL_BIND, nodes.words, max_nodes + 1, 0) != 0)
        return complain_about_binding(program, number);
    return true;
}

bool bind_program(const char *program, const char *node) {
    int number;
    struct nodes nodes;
    if (!read_node(program, node, &number, &nodes))
        return false;
    if (number >= 0 && syscall(SYS_set_mempolicy, MPOL_BIND, nodes.words, max_nodes + 1) != 0)
        return complain_about_binding(program, number);
    return true;
}

uint64_t *map_memory(const char *program, const char *node, const char *size_text, size_t *size) {
    if (!parse_size(size_text, size)) {
        fprintf(stderr, "%s: %s is not a size: bytes (a multiple of 8), or with K, M or G\n", program, size_text);
        return NULL;
    }
    void *memory = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "%s: mapping %s: %s\n", program, size_text, strerror(errno));
        return NULL;
    }
    if (bind_memory(program, node, memory, *size))
        return memory;
    munmap(memory, *size);
    return NULL;
}
