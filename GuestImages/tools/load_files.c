// Loads that hold page cache: a file that is read, or written, over and over.

#define _GNU_SOURCE
#include "guest_memory.h"
#include "memory_load.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /// Milliseconds between pieces.
    reading_interval = 20,
    writing_interval = 10,
    pages_per_piece = load_piece / 4096,
};

static int directory = -1, file = -1;
static size_t size;
/// Where it's at.
static size_t place;
/// How often everything before that place was written: that is the pattern's seed. What follows has one less.
static uint64_t round_number = 1;
/// Of a file that was there before, what each piece came to at first.
static uint64_t *sums;
static bool is_written;
static uint64_t buffer[load_piece / sizeof(uint64_t)];

static size_t piece_at(size_t offset) {
    return size - offset < load_piece ? size - offset : load_piece;
}

/// Makes a file in a directory that shows it no more, so that it is gone however the program ends.
static int make_hidden_file(int parent, const char *path) {
    int made = openat(parent, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made >= 0)
        unlinkat(parent, path, 0);
    return made;
}

/// Makes a file on the disk, or in a directory that was named.
static enum load_outcome make_file_in_directory(const char *shown) {
    char name[64];
    snprintf(name, sizeof name, ".memory-load-%d", (int)getpid());
    file = make_hidden_file(directory, name);
    return file >= 0 ? load_goes_on : load_fail("making a file in %s: %s", shown, strerror(errno));
}

/// Opens what was named: a directory to make a file in, a new file or, for reading, one that is there.
static enum load_outcome open_path(const char *path) {
    directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0)
        return make_file_in_directory(path);
    file = make_hidden_file(AT_FDCWD, path);
    if (file >= 0)
        return load_goes_on;
    if (errno != EEXIST || is_written)
        return load_fail("making %s: %s", path, strerror(errno));
    struct stat status;
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0)
        return load_fail("%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode) || (size_t)status.st_size < size)
        return load_fail("%s is not a file of %zu bytes", path, size);
    sums = calloc((size + load_piece - 1) / load_piece, sizeof *sums);
    return sums ? load_goes_on : load_fail("no memory for sums of %zu bytes", size);
}

static enum load_outcome open_file(const struct load *load) {
    size = load->size;
    if (!bind_program("memory-load", load->node))
        return load_failed;
    if (load->path)
        return open_path(load->path);
    directory = load_mount_disk();
    return directory >= 0 ? make_file_in_directory("the disk's file system") : load_failed;
}

static enum load_outcome read_piece(size_t offset) {
    for (size_t done = 0, piece = piece_at(offset); done < piece;) {
        ssize_t got = pread(file, (char *)buffer + done, piece - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return load_fail("reading at %zu: %s", offset + done, got < 0 ? strerror(errno) : "the file ends");
        done += (size_t)got;
    }
    return load_goes_on;
}

static uint64_t sum_piece(size_t piece) {
    uint64_t sum = 0;
    for (size_t index = 0; index < piece / sizeof *buffer; index++)
        sum = pattern_word(sum ^ buffer[index], index);
    return sum;
}

/// Whether the buffer has what was in the file at an offset. False after a `corrupt` line.
static bool check_piece(size_t offset) {
    size_t piece = piece_at(offset);
    if (is_written)
        return load_check(buffer, piece, offset, offset < place ? round_number : round_number - 1);
    if (sums) {
        uint64_t sum = sum_piece(piece), expected = sums[offset / load_piece];
        if (sum != expected)
            load_wrong_word(offset, sum, expected);
        return sum == expected;
    }
    for (size_t index = 0; index < piece / sizeof *buffer; index++) {
        if (buffer[index] != 0) {
            load_wrong_word(offset + index * sizeof *buffer, buffer[index], 0);
            return false;
        }
    }
    return true;
}

/// The same without being asked: the first corruption is told of, and not each one time after time.
static void check_once(size_t offset) {
    if (!load_corruption())
        check_piece(offset);
}

static enum load_outcome verify(void) {
    for (size_t offset = 0; offset < size; offset += load_piece) {
        if (load_must_end())
            return load_ends;
        enum load_outcome outcome = read_piece(offset);
        if (outcome != load_goes_on)
            return outcome;
        if (!check_piece(offset))
            return load_goes_on;
    }
    load_say("intact %zu", size);
    return load_goes_on;
}

/// Bytes of the file that are in memory.
static size_t cached_bytes(void) {
    size_t pages = 0;
    for (size_t offset = 0; offset < size; offset += load_piece) {
        size_t piece = piece_at(offset);
        unsigned char present[pages_per_piece];
        void *mapped = mmap(NULL, piece, PROT_READ, MAP_SHARED, file, (off_t)offset);
        if (mapped == MAP_FAILED)
            continue;
        if (mincore(mapped, piece, present) == 0) {
            for (size_t page = 0; page < (piece + 4095) / 4096; page++)
                pages += present[page] & 1;
        }
        munmap(mapped, piece);
    }
    return pages * 4096 < size ? pages * 4096 : size;
}

static enum load_outcome begin_page_cache(const struct load *load) {
    enum load_outcome outcome = open_file(load);
    // Nothing is written: what isn't on the disk is in the page cache nevertheless once it was read.
    if (outcome == load_goes_on && !sums && ftruncate(file, (off_t)size) != 0)
        outcome = load_fail("making a file of %zu bytes: %s", size, strerror(errno));
    for (size_t offset = 0; offset < size && outcome == load_goes_on; offset += load_piece) {
        outcome = load_must_end() ? load_ends : read_piece(offset);
        if (outcome == load_goes_on && sums)
            sums[offset / load_piece] = sum_piece(piece_at(offset));
    }
    if (outcome != load_goes_on)
        return outcome;
    size_t cached = cached_bytes();
    if (cached == 0)
        return load_fail("this file system has no page cache for what was not written");
    load_say("ready %zu", cached);
    return load_goes_on;
}

/// Reads the next piece.
static enum load_outcome read_on(void) {
    enum load_outcome outcome = read_piece(place);
    if (outcome == load_goes_on)
        check_once(place);
    place += load_piece;
    if (place >= size)
        place = 0;
    return outcome;
}

/// Writes the next piece, and has what was written half a file ago written back.
static enum load_outcome write_on(void) {
    size_t piece = piece_at(place);
    load_fill(buffer, piece, place, round_number);
    for (size_t done = 0; done < piece;) {
        ssize_t written = pwrite(file, (char *)buffer + done, piece - done, (off_t)(place + done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return load_fail("writing at %zu: %s", place + done, strerror(errno));
        done += (size_t)written;
    }
    size_t pieces = (size + load_piece - 1) / load_piece;
    size_t former = (place / load_piece + pieces - pieces / 2) % pieces * load_piece;
    sync_file_range(file, (off_t)former, load_piece, SYNC_FILE_RANGE_WRITE);
    place += piece;
    if (place == size) {
        place = 0;
        round_number++;
    }
    return load_goes_on;
}

static enum load_outcome begin_dirty(const struct load *load) {
    is_written = true;
    enum load_outcome outcome = open_file(load);
    while (round_number == 1 && outcome == load_goes_on)
        outcome = load_must_end() ? load_ends : write_on();
    if (outcome == load_goes_on)
        load_say("ready %zu", size);
    return outcome;
}

/// Looks at the next piece, and writes it anew.
static enum load_outcome rewrite(void) {
    enum load_outcome outcome = read_piece(place);
    if (outcome != load_goes_on)
        return outcome;
    check_once(place);
    return write_on();
}

static void end(void) {
    if (file >= 0)
        close(file);
    if (directory >= 0)
        close(directory);
    free(sums);
}

const struct load_kind load_page_cache = {.name = "page-cache",
                                          .begin = begin_page_cache,
                                          .verify = verify,
                                          .step = read_on,
                                          .interval = reading_interval,
                                          .end = end};
const struct load_kind load_dirty = {.name = "dirty",
                                     .begin = begin_dirty,
                                     .verify = verify,
                                     .step = rewrite,
                                     .interval = writing_interval,
                                     .end = end};
