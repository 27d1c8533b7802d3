// A program that writes to a disk and has it flushed, over and over, and says what was: whoever looks at the disk after
// the machine under it went down can tell what is missing.

#define _GNU_SOURCE
#include "disk_log.h"
#include "guest_tools.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { exit_usage = 64 };

uint64_t disk_log_block(uint64_t round, int index) {
    return pattern_word(round, (uint64_t)index) % disk_log_blocks;
}

/// Fills a block: the number of its round, then a pattern of that.
static void fill_block(uint64_t *block, uint64_t round) {
    block[0] = round;
    for (size_t word = 1; word < disk_log_block_size / sizeof *block; word++)
        block[word] = pattern_word(round, word);
}

int disk_log(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: disk-log DISK\n");
        return exit_usage;
    }
    int disk = open(arguments[1], O_RDWR | O_CLOEXEC);
    if (disk < 0) {
        fprintf(stderr, "disk-log: %s: %s\n", arguments[1], strerror(errno));
        return 1;
    }
    static uint64_t block[disk_log_block_size / sizeof(uint64_t)];
    for (uint64_t round = 1;; round++) {
        fill_block(block, round);
        for (int index = 0; index < disk_log_writes; index++) {
            off_t place = (off_t)(disk_log_block(round, index) * disk_log_block_size);
            if (pwrite(disk, block, sizeof block, place) != sizeof block) {
                fprintf(stderr, "disk-log: writing: %s\n", strerror(errno));
                return 1;
            }
        }
        if (fdatasync(disk) != 0) {
            fprintf(stderr, "disk-log: flushing: %s\n", strerror(errno));
            return 1;
        }
        printf("flushed %" PRIu64 "\n", round);
        fflush(stdout);
    }
}
