#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The parts of memory-load: memory_load.c has the protocol, the others each some of the kinds of load.

/// What the command line asks for.
struct load {
    size_t size;
    const char *node;
    /// NULL where none was given.
    const char *path;
    uint64_t seed;
};

enum load_outcome {
    load_goes_on,
    /// Something can't be had: standard error has a message.
    load_failed,
    /// It was told to end meanwhile.
    load_ends,
};

/// A kind of load. There is one load in a process: what it holds is static.
struct load_kind {
    const char *name;
    /// Gets hold of everything, and says `ready`.
    enum load_outcome (*begin)(const struct load *load);
    /// Says whether all is as it was.
    enum load_outcome (*verify)(void);
    /// What it does over and over, or NULL, and milliseconds between.
    enum load_outcome (*step)(void);
    int interval;
    /// Releases everything, also what a `begin` that failed got hold of.
    void (*end)(void);
};

// load_held.c
extern const struct load_kind load_anonymous, load_mlock, load_thp, load_hugetlb, load_pattern;
// load_kernel.c
extern const struct load_kind load_pipes, load_slab;
// load_files.c
extern const struct load_kind load_page_cache, load_dirty;
// load_stress.c
extern const struct load_kind load_stress;

enum {
    /// What is done at once between looks at whether it must end.
    load_piece = 1 << 20,
    load_huge_page = 2 << 20,
};

/// Whether a signal told it to end, or nobody is left to read what it says.
bool load_must_end(void);

/// Prints a line, at once and in one piece.
void load_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Prints a line on standard error; returns `load_failed`.
enum load_outcome load_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Prints a line that begins with `corrupt`: the exit status is to be 2, also when it's a child that finds it.
void load_corrupt(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// The first line that told of a corruption, or NULL.
const char *load_corruption(void);

/// Says that a word is another than it must be.
void load_wrong_word(size_t offset, uint64_t found, uint64_t expected);

/// Fills memory with the pattern from an offset in it.
void load_fill(uint64_t *memory, size_t size, size_t offset, uint64_t seed);

/// Whether memory has the pattern from an offset in it. False after a `corrupt` line.
bool load_check(const uint64_t *memory, size_t size, size_t offset, uint64_t seed);

/// Reads from a file of the kernel's how many kilobytes a line has that begins with a name; returns that in bytes.
size_t load_read_bytes(const char *path, const char *name);

/// Mounts a file system that no directory shows and that is gone with its last descriptor, however the program ends.
/// Returns a descriptor of its root, or -1 with errno. `source` and `option` may be NULL.
int load_mount(const char *type, const char *source, const char *option, const char *value);

/// Mounts the disk for files, with a file system made on it if it is blank. Returns a descriptor of its root, or -1
/// after a message.
int load_mount_disk(void);
