#include "guest_tools.h"

#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
    const char *slash = strrchr(arguments[0], '/');
    const char *name = slash ? slash + 1 : arguments[0];
    if (strcmp(name, "init") == 0)
        return guest_init();
    if (strcmp(name, "memory-pattern") == 0)
        return memory_pattern(count, arguments);
    if (strcmp(name, "memory-touch") == 0)
        return memory_touch(count, arguments);
    fprintf(stderr, "%s: not one of init, memory-pattern, memory-touch\n", name);
    return 64;
}
