#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What the programs share that use memory of one NUMA node.

/// Reads a size: bytes, or with K, M or G a power of 1024. False when it is none, or not a multiple of 8.
bool parse_size(const char *text, size_t *size);

/// Reads which node memory has to come from: its number, or -1 for "any". False when it is neither.
bool parse_node(const char *text, int *node);

/// Has memory come from the node named, or from any for "any". False after a message when that can't be.
bool bind_memory(const char *program, const char *node, void *memory, size_t size);

/// The same for what the kernel allocates for this program from now on.
bool bind_program(const char *program, const char *node);

/// Maps memory that comes from the node named, or from any for "any". NULL after a message when that can't be.
uint64_t *map_memory(const char *program, const char *node, const char *size_text, size_t *size);
