#pragma once

#include <stdint.h>

// Where disk-log writes what. Tests/Tools/disk-crash-test knows the same.

enum {
    disk_log_block_size = 4096,
    /// Blocks of the disk that it writes to, from the first.
    disk_log_blocks = 2048,
    /// Blocks that are written before each flush.
    disk_log_writes = 8,
};

/// One of the blocks that a round writes.
uint64_t disk_log_block(uint64_t round, int index);
