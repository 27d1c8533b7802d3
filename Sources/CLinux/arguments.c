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
