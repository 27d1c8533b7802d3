// Loads that hold memory of the kernel's, which nothing can move: what is in pipes, and what the kernel knows of
// directories.

#define _GNU_SOURCE
#include "guest_memory.h"
#include "memory_load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    /// Descriptors that this program has beside its pipes.
    other_descriptors = 32,
    /// Directories that are made between looks at how much memory they take.
    group_size = 1000,
    /// Less than what any directory takes.
    least_of_directory = 512,
};

/// A pipe, of which only the end to read from is left, and what of the pattern is in it.
struct pipe {
    int output;
    size_t offset, size;
};

static struct pipe *pipes;
static size_t pipe_count, piped;
static uint64_t buffer[load_piece / sizeof(uint64_t)];

/// Makes a pipe as large as may be; returns its capacity, at most a piece. 0 with errno when that can't be.
static size_t make_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return 0;
    fcntl(ends[0], F_SETPIPE_SZ, load_piece);
    int capacity = fcntl(ends[0], F_GETPIPE_SZ);
    return capacity < load_piece ? (size_t)capacity : load_piece;
}

/// Fills one more pipe.
static enum load_outcome fill_pipe(size_t wanted) {
    int ends[2];
    size_t capacity = make_pipe(ends);
    if (capacity == 0)
        return load_fail("making pipe %zu: %s", pipe_count + 1, strerror(errno));
    size_t size = wanted < capacity ? wanted : capacity;
    load_fill(buffer, size, piped, 1);
    ssize_t written = write(ends[1], buffer, size);
    int error = errno;
    // Who reads still gets what was written.
    close(ends[1]);
    pipes[pipe_count++] = (struct pipe){.output = ends[0], .offset = piped, .size = written > 0 ? (size_t)written : 0};
    if (written <= 0)
        return load_fail("filling pipe %zu: %s", pipe_count, strerror(error));
    piped += (size_t)written;
    return load_goes_on;
}

/// Lets this program have many descriptors.
static enum load_outcome raise_descriptor_limit(size_t count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= count)
        return load_goes_on;
    limit.rlim_cur = count;
    if (limit.rlim_max < count)
        limit.rlim_max = count;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? load_goes_on
                                                 : load_fail("opening %zu pipes: %s", count, strerror(errno));
}

static enum load_outcome begin_pipes(const struct load *load) {
    if (!bind_program("memory-load", load->node))
        return load_failed;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (load->size + page - 1) / page * page;
    // How much a pipe takes, the first one shows.
    int ends[2];
    size_t capacity = make_pipe(ends);
    if (capacity == 0)
        return load_fail("making a pipe: %s", strerror(errno));
    close(ends[0]);
    close(ends[1]);
    size_t count = (size + capacity - 1) / capacity;
    enum load_outcome outcome = raise_descriptor_limit(count + other_descriptors);
    if (outcome != load_goes_on)
        return outcome;
    pipes = calloc(count, sizeof *pipes);
    if (!pipes)
        return load_fail("no memory for %zu pipes", count);
    while (piped < size) {
        if (load_must_end())
            return load_ends;
        // The kernel makes pipes smaller where a user has too many.
        if (pipe_count == count)
            return load_fail("pipes got too small: %zu bytes are in %zu of them", piped, count);
        outcome = fill_pipe(size - piped);
        if (outcome != load_goes_on)
            return outcome;
    }
    load_say("ready %zu", piped);
    return load_goes_on;
}

/// Reads what is in a pipe, which stays there, by way of another. Returns whether it's as it was, or says what isn't.
static bool check_pipe(const struct pipe *pipe, const int ends[2]) {
    int held = 0;
    ioctl(pipe->output, FIONREAD, &held);
    if ((size_t)held != pipe->size) {
        load_corrupt("corrupt at %zu: found a pipe with %d bytes instead of %zu", pipe->offset, held, pipe->size);
        return false;
    }
    ssize_t copied = tee(pipe->output, ends[1], pipe->size, SPLICE_F_NONBLOCK);
    for (ssize_t done = 0, got; done < copied; done += got) {
        got = read(ends[0], (char *)buffer + done, (size_t)(copied - done));
        if (got <= 0)
            return true;
    }
    return copied <= 0 || load_check(buffer, (size_t)copied, pipe->offset, 1);
}

static enum load_outcome verify_pipes(void) {
    int ends[2];
    if (make_pipe(ends) == 0)
        return load_fail("making a pipe: %s", strerror(errno));
    enum load_outcome outcome = load_goes_on;
    bool is_intact = true;
    for (size_t index = 0; index < pipe_count && is_intact && outcome == load_goes_on; index++) {
        if (load_must_end())
            outcome = load_ends;
        else
            is_intact = check_pipe(&pipes[index], ends);
    }
    close(ends[0]);
    close(ends[1]);
    if (is_intact && outcome == load_goes_on)
        load_say("intact %zu", piped);
    return outcome;
}

static void end_pipes(void) {
    while (pipe_count > 0)
        close(pipes[--pipe_count].output);
    free(pipes);
}

/// The file system with the directories, and how many it has.
static int tree = -1;
static size_t directories;

/// Bytes of memory that the kernel has in its caches of small things.
static size_t slab_bytes(void) {
    return load_read_bytes("/proc/meminfo", "Slab");
}

/// Makes a directory, and as many in it as a group has.
static enum load_outcome make_group(size_t number) {
    char name[32];
    snprintf(name, sizeof name, "%zu", number);
    if (mkdirat(tree, name, 0700) != 0)
        return load_fail("making directory %s: %s", name, strerror(errno));
    int group = openat(tree, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum load_outcome outcome = group < 0 ? load_fail("opening directory %s: %s", name, strerror(errno)) : load_goes_on;
    for (int index = 0; index < group_size && outcome == load_goes_on; index++) {
        snprintf(name, sizeof name, "%d", index);
        if (mkdirat(group, name, 0700) != 0)
            outcome = load_fail("making directory %zu/%s: %s", number, name, strerror(errno));
        else
            directories++;
    }
    if (group >= 0)
        close(group);
    return outcome;
}

static enum load_outcome begin_slab(const struct load *load) {
    if (!bind_program("memory-load", load->node))
        return load_failed;
    size_t before = slab_bytes();
    tree = load_mount("tmpfs", NULL, "nr_inodes", "0");
    if (tree < 0)
        return load_fail("mounting a tmpfs: %s", strerror(errno));
    size_t now = before;
    // What others give back meanwhile must not make this one take ever more.
    const size_t limit = load->size / least_of_directory;
    for (size_t number = 0; now < before + load->size && directories <= limit; number++) {
        if (load_must_end())
            return load_ends;
        enum load_outcome outcome = make_group(number);
        if (outcome != load_goes_on)
            return outcome;
        now = slab_bytes();
    }
    load_say("ready %zu directories %zu", now > before ? now - before : 0, directories);
    return load_goes_on;
}

static enum load_outcome verify_slab(void) {
    for (size_t index = 0; index < directories; index++) {
        if (index % group_size == 0 && load_must_end())
            return load_ends;
        char name[64];
        struct stat status;
        snprintf(name, sizeof name, "%zu/%zu", index / group_size, index % group_size);
        if (fstatat(tree, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(status.st_mode)) {
            load_corrupt("corrupt at %zu: found no directory instead of %s", index, name);
            return load_goes_on;
        }
    }
    load_say("intact %zu directories", directories);
    return load_goes_on;
}

static void end_slab(void) {
    if (tree >= 0)
        close(tree);
}

const struct load_kind load_pipes = {
    .name = "kernel", .begin = begin_pipes, .verify = verify_pipes, .end = end_pipes};
const struct load_kind load_slab = {.name = "slab", .begin = begin_slab, .verify = verify_slab, .end = end_slab};
