#define _GNU_SOURCE
#include "mapping_inspection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

struct writer {
    struct cl_protection_run *runs;
    size_t capacity;
    size_t count;
};

static int append(struct writer *writer, uint64_t start, uint64_t end, int protection) {
    if (start >= end)
        return 0;
    struct cl_protection_run *last = writer->count > 0 ? &writer->runs[writer->count - 1] : NULL;
    if (last && last->protection == protection) {
        last->end = end;
        return 0;
    }
    if (writer->count == writer->capacity)
        return -EOVERFLOW;
    writer->runs[writer->count++] = (struct cl_protection_run){start, end, protection};
    return 0;
}

static int append_mappings(struct writer *writer, FILE *maps, uint64_t start, uint64_t end) {
    uint64_t next = start;
    uint64_t first, behind;
    char flags[5];
    int result = 0;
    while (result == 0 && next < end && fscanf(maps, "%" SCNx64 "-%" SCNx64 " %4s%*[^\n]", &first, &behind, flags) == 3) {
        if (behind <= next)
            continue;
        if (first >= end)
            break;
        int protection = (flags[0] == 'r' ? PROT_READ : 0) | (flags[1] == 'w' ? PROT_WRITE : 0) |
                         (flags[2] == 'x' ? PROT_EXEC : 0);
        result = append(writer, next, first, -1);
        uint64_t from = first > next ? first : next;
        next = behind < end ? behind : end;
        if (result == 0)
            result = append(writer, from, next, protection);
    }
    return result != 0 ? result : append(writer, next, end, -1);
}

long cl_protection_runs(uint64_t start, uint64_t end, struct cl_protection_run *runs, size_t capacity) {
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return -errno;
    struct writer writer = {.runs = runs, .capacity = capacity};
    int result = append_mappings(&writer, maps, start, end);
    fclose(maps);
    return result < 0 ? result : (long)writer.count;
}

long cl_resident_size(void *start, size_t size) {
    enum { PAGE = 4096, BATCH = 1 << 15 };
    unsigned char pages[BATCH];
    size_t resident = 0;
    for (size_t done = 0; done < size; done += (size_t)BATCH * PAGE) {
        size_t rest = size - done;
        size_t length = rest < (size_t)BATCH * PAGE ? rest : (size_t)BATCH * PAGE;
        if (mincore((char *)start + done, length, pages) < 0)
            return -errno;
        for (size_t page = 0; page < (length + PAGE - 1) / PAGE; page++)
            resident += (size_t)(pages[page] & 1) * PAGE;
    }
    return (long)resident;
}
