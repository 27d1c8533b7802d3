#pragma once

#include <stddef.h>
#include <stdint.h>

/// A run of addresses with the same protection, as /proc/self/maps has it.
struct cl_protection_run {
    uint64_t start;
    uint64_t end;
    /// PROT_READ, PROT_WRITE and PROT_EXEC; -1 where nothing is mapped.
    int protection;
};

/// Writes the runs of [start, end) in order, neighbours of the same protection joined. Returns how many there are, at
/// most `capacity`, or a negated errno (-EOVERFLOW: more than fit).
long cl_protection_runs(uint64_t start, uint64_t end, struct cl_protection_run *runs, size_t capacity);

/// Bytes of the mapped pages in [start, start + size) that are resident (mincore(2)), or a negated errno.
long cl_resident_size(void *start, size_t size);
