// Reads all memory that an ELF core file of the kernel's offers: /proc/kcore, or /proc/vmcore in a crash kernel.

#define _GNU_SOURCE
#include "guest_tools.h"
#include "pattern.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// What is larger is address space, such as that of vmalloc, and not memory.
static const uint64_t largest_segment = 1ull << 40;

enum { piece = 1 << 20, most_pattern_pages = 1 << 20 };

struct totals {
    uint64_t bytes, pattern_pages;
    /// Which pages of the pattern were there: where the kernel moved one, it may be there twice.
    unsigned char seen[most_pattern_pages / 8];
};

static void look_for_pattern(const uint64_t *page, uint64_t seed, struct totals *totals) {
    int64_t number = pattern_page_number(page, seed);
    if (number < 0 || number >= most_pattern_pages || (totals->seen[number / 8] & 1 << number % 8))
        return;
    totals->seen[number / 8] |= 1 << number % 8;
    totals->pattern_pages++;
}

static bool read_at(int file, void *buffer, size_t size, uint64_t offset) {
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(file, (char *)buffer + done, size - done, offset + done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            fprintf(stderr, "core-read: reading at 0x%" PRIx64 ": %s\n", offset + done, count ? strerror(errno) : "end");
            return false;
        }
        done += (size_t)count;
    }
    return true;
}

static bool read_segment(int file, const Elf64_Phdr *segment, const uint64_t *seed, struct totals *totals) {
    static uint64_t buffer[piece / sizeof(uint64_t)];
    for (uint64_t done = 0; done < segment->p_filesz;) {
        uint64_t left = segment->p_filesz - done;
        size_t size = left < piece ? left : piece;
        if (!read_at(file, buffer, size, segment->p_offset + done))
            return false;
        for (size_t page = 0; seed && page + pattern_page <= size; page += pattern_page)
            look_for_pattern(buffer + page / sizeof *buffer, *seed, totals);
        done += size;
    }
    totals->bytes += segment->p_filesz;
    return true;
}

int core_read(int count, char **arguments) {
    if (count < 2 || count > 3) {
        fprintf(stderr, "usage: core-read FILE [SEED]\n"
                        "Says physical address and size of each piece of memory in it, and how much was read; with SEED,\n"
                        "how many pages of what memory-pattern wrote there are.\n");
        return 64;
    }
    uint64_t seed = count == 3 ? strtoull(arguments[2], NULL, 0) : 0;
    int file = open(arguments[1], O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        perror(arguments[1]);
        return 1;
    }
    Elf64_Ehdr header;
    if (!read_at(file, &header, sizeof header, 0))
        return 1;
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr)) {
        fprintf(stderr, "core-read: %s is no ELF core file of 64 bits\n", arguments[1]);
        return 1;
    }
    static struct totals totals;
    for (unsigned index = 0; index < header.e_phnum; index++) {
        Elf64_Phdr segment;
        if (!read_at(file, &segment, sizeof segment, header.e_phoff + index * sizeof segment))
            return 1;
        if (segment.p_type != PT_LOAD || segment.p_filesz > largest_segment)
            continue;
        printf("load 0x%" PRIx64 " 0x%" PRIx64 "\n", segment.p_paddr, segment.p_filesz);
        if (!read_segment(file, &segment, count == 3 ? &seed : NULL, &totals))
            return 1;
    }
    printf("read %" PRIu64 "\n", totals.bytes);
    if (count == 3)
        printf("pattern pages %" PRIu64 "\n", totals.pattern_pages);
    return 0;
}
