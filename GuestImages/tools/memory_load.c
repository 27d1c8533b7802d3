// A program that uses memory in one of the ways that matter when memory is unplugged, until it is told to end.
//
// What it prints: `ready BYTES` once it holds everything; on SIGUSR1, `intact BYTES` or `corrupt at OFFSET: …`;
// `corrupt` also as soon as it finds that by itself; `done` after SIGTERM, SIGINT or SIGHUP, when everything is
// released. It ends too when nobody reads that any more. A corruption doesn't end it. The exit status is 0, 1 for what
// can't be had, and 2 after a corruption. Some kinds have more on these lines, behind the number:
//
//   anonymous, mlock, pattern  memory of this process, with a pattern in it
//   thp          the same, and `huge BYTES`: how much of it is in transparent huge pages
//   hugetlb      the same in huge pages of the pool, which grows for that and shrinks again
//   kernel       what is in pipes: unmovable pages of the kernel's
//   slab         directories and their inodes, `directories COUNT`; verified, it's `intact COUNT directories`
//   page-cache   a file that is read over and over: clean page cache. Where the file wasn't there before it has nothing
//                but a hole, of which most file systems (not tmpfs) have page cache too
//   dirty        a file that is written over and over
//   stress       processes that allocate, write, verify and free memory, and fork: `processes COUNT`; verified, it has
//                `verified BYTES`, which grows

#define _GNU_SOURCE
#include "memory_load.h"
#include "guest_memory.h"
#include "guest_tools.h"
#include "pattern.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { exit_corrupt = 2, exit_usage = 64, max_line = 200, victim_score = 500 };

static const struct load_kind *const kinds[] = {
    &load_anonymous, &load_mlock, &load_thp,        &load_hugetlb, &load_pattern,
    &load_pipes,     &load_slab,  &load_page_cache, &load_dirty,   &load_stress,
};

/// What is known of a corruption, shared with children.
struct corruption {
    atomic_int claimed, known;
    char line[max_line];
};
static struct corruption *corruption;

/// Signals that end it, and the one that asks it to verify.
static int end_signals = -1, verify_signals = -1;
static bool has_ended;

bool load_must_end(void) {
    struct pollfd sources[] = {{.fd = end_signals, .events = POLLIN}, {.fd = STDOUT_FILENO}};
    if (!has_ended && poll(sources, 2, 0) > 0)
        has_ended = sources[0].revents != 0 || (sources[1].revents & (POLLERR | POLLHUP)) != 0;
    return has_ended;
}

/// Writes a line, which ends the program where nobody reads it.
static void write_line(const char *text) {
    char line[max_line + 1];
    int length = snprintf(line, sizeof line, "%s\n", text);
    if (write(STDOUT_FILENO, line, (size_t)length) < 0 && errno == EPIPE)
        has_ended = true;
}

void load_say(const char *format, ...) {
    char text[max_line];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    write_line(text);
}

enum load_outcome load_fail(const char *format, ...) {
    char text[max_line];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(stderr, "memory-load: %s\n", text);
    return load_failed;
}

void load_corrupt(const char *format, ...) {
    char text[max_line];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    // Known before it's read: who reads it may ask at once.
    if (atomic_exchange(&corruption->claimed, 1) == 0) {
        memcpy(corruption->line, text, sizeof text);
        atomic_store(&corruption->known, 1);
    }
    write_line(text);
}

const char *load_corruption(void) {
    return atomic_load(&corruption->known) ? corruption->line : NULL;
}

void load_wrong_word(size_t offset, uint64_t found, uint64_t expected) {
    load_corrupt("corrupt at %zu: found %016" PRIx64 " instead of %016" PRIx64, offset, found, expected);
}

void load_fill(uint64_t *memory, size_t size, size_t offset, uint64_t seed) {
    for (size_t index = 0; index < size / sizeof *memory; index++)
        memory[index] = pattern_word(seed, offset / sizeof *memory + index);
}

bool load_check(const uint64_t *memory, size_t size, size_t offset, uint64_t seed) {
    for (size_t index = 0; index < size / sizeof *memory; index++) {
        uint64_t found = *(const volatile uint64_t *)&memory[index];
        uint64_t expected = pattern_word(seed, offset / sizeof *memory + index);
        if (found != expected) {
            load_wrong_word(offset + index * sizeof *memory, found, expected);
            return false;
        }
    }
    return true;
}

size_t load_read_bytes(const char *path, const char *name) {
    char line[128];
    size_t kilobytes = 0, length = strlen(name);
    FILE *file = fopen(path, "re");
    while (file && kilobytes == 0 && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kilobytes = strtoull(line + length + 1, NULL, 10);
    }
    if (file)
        fclose(file);
    return kilobytes << 10;
}

static int usage(void) {
    fprintf(stderr, "usage: memory-load KIND SIZE [NODE|any [PATH]]\n"
                    "       memory-load pattern SIZE NODE|any SEED\n"
                    "\n"
                    "Uses memory until SIGTERM; verifies it on SIGUSR1. KIND is one of\n"
                    "   ");
    for (size_t index = 0; index < sizeof kinds / sizeof *kinds; index++)
        fprintf(stderr, " %s", kinds[index]->name);
    fprintf(stderr, "\n"
                    "page-cache and dirty use a file at PATH or, without one, on the disk that MEMORY_LOAD_DISK names,\n"
                    "or the last /dev/vd*. That gets a file system if it's blank.\n");
    return exit_usage;
}

/// Reads the command line. NULL when it is wrong.
static const struct load_kind *read_arguments(int count, char **arguments, struct load *load) {
    const struct load_kind *kind = NULL;
    for (size_t index = 0; count > 1 && index < sizeof kinds / sizeof *kinds; index++) {
        if (strcmp(arguments[1], kinds[index]->name) == 0)
            kind = kinds[index];
    }
    int node;
    *load = (struct load){
        .node = count > 3 ? arguments[3] : "any", .path = count > 4 ? arguments[4] : NULL, .seed = 1};
    if (!kind || count < 3 || count > 5 || !parse_size(arguments[2], &load->size) || !parse_node(load->node, &node))
        return NULL;
    if (kind == &load_pattern) {
        char *end;
        load->seed = load->path ? strtoull(load->path, &end, 0) : 0;
        return load->path && end != load->path && *end == '\0' ? kind : NULL;
    }
    return !load->path || kind == &load_page_cache || kind == &load_dirty ? kind : NULL;
}

/// Has the kernel end this program, where memory is short, and not the guest's agent.
static void volunteer_as_victim(void) {
    int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file < 0 || dprintf(file, "%d\n", victim_score) < 0)
        fprintf(stderr, "memory-load: /proc/self/oom_score_adj: %s\n", strerror(errno));
    if (file >= 0)
        close(file);
}

/// Has signals wait until they are looked for.
static bool prepare(void) {
    sigset_t ends, verification;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGHUP);
    sigemptyset(&verification);
    sigaddset(&verification, SIGUSR1);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    sigprocmask(SIG_BLOCK, &verification, NULL);
    signal(SIGPIPE, SIG_IGN);
    end_signals = signalfd(-1, &ends, SFD_CLOEXEC);
    verify_signals = signalfd(-1, &verification, SFD_CLOEXEC);
    corruption = mmap(NULL, sizeof *corruption, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (end_signals >= 0 && verify_signals >= 0 && corruption != MAP_FAILED)
        return true;
    load_fail("starting: %s", strerror(errno));
    return false;
}

/// Answers SIGUSR1 and lets the load do what it does over and over.
static enum load_outcome serve(const struct load_kind *kind) {
    enum load_outcome outcome = load_goes_on;
    while (outcome == load_goes_on) {
        struct pollfd sources[] = {
            {.fd = verify_signals, .events = POLLIN}, {.fd = end_signals, .events = POLLIN}, {.fd = STDOUT_FILENO}};
        int count = poll(sources, 3, kind->step ? kind->interval : -1);
        struct signalfd_siginfo received;
        if (load_must_end())
            outcome = load_ends;
        else if (sources[0].revents & POLLIN)
            outcome = read(verify_signals, &received, sizeof received) > 0 ? kind->verify() : load_goes_on;
        else if (count == 0)
            outcome = kind->step();
    }
    return outcome;
}

int memory_load(int count, char **arguments) {
    struct load load;
    const struct load_kind *kind = read_arguments(count, arguments, &load);
    if (!kind)
        return usage();
    if (!prepare())
        return 1;
    volunteer_as_victim();
    enum load_outcome outcome = kind->begin(&load);
    if (outcome == load_goes_on)
        outcome = serve(kind);
    kind->end();
    if (outcome != load_failed)
        load_say("done");
    return load_corruption() ? exit_corrupt : outcome == load_failed ? 1 : 0;
}
