#include "arguments.h"

static int kept_count;
static char **kept_vector;

// glibc gives a program's initialisers what it gives main (`call_init` of its csu/libc-start.c and elf/dl-init.c).
__attribute__((constructor)) static void keep(int count, char **vector) {
    kept_count = count;
    kept_vector = vector;
}

int cl_argument_count(void) {
    return kept_count;
}

const char *cl_argument(int index) {
    return index >= 0 && index < kept_count ? kept_vector[index] : 0;
}

// What `CommandLine.arguments` is made of. The Swift runtime's own (stdlib/public/CommandLineSupport/CommandLine.cpp)
// reads /proc/self/maps at each start of a static program, whether or not anybody asks for arguments; the linker leaves
// it out where it finds these.
__attribute__((visibility("hidden"))) char **_swift_stdlib_getUnsafeArgvArgc(int *count) {
    *count = kept_count;
    return kept_vector;
}

__attribute__((visibility("hidden"))) void _swift_stdlib_overrideUnsafeArgvArgc(char **vector, int count) {
    kept_vector = vector;
    kept_count = count;
}
