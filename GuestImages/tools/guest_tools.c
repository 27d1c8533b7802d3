#include "guest_tools.h"
#include "guest_root.h"

#include <stdio.h>
#include <string.h>

int main(int count, char **arguments) {
    const char *slash = strrchr(arguments[0], '/');
    const char *name = slash ? slash + 1 : arguments[0];
    if (strcmp(name, "init") == 0)
        return guest_init();
    if (strcmp(name, "modprobe") == 0)
        return load_file_system(count, arguments);
    if (strcmp(name, "memory-pattern") == 0)
        return memory_pattern(count, arguments);
    if (strcmp(name, "memory-touch") == 0)
        return memory_touch(count, arguments);
    if (strcmp(name, "memory-pin") == 0)
        return memory_pin(count, arguments);
    if (strcmp(name, "memory-load") == 0)
        return memory_load(count, arguments);
    if (strcmp(name, "kexec-load") == 0)
        return kexec_load(count, arguments);
    if (strcmp(name, "core-read") == 0)
        return core_read(count, arguments);
    if (strcmp(name, "disk-log") == 0)
        return disk_log(count, arguments);
    if (strcmp(name, "disk-bench") == 0)
        return disk_bench(count, arguments);
    if (strcmp(name, "vsock-echo") == 0)
        return vsock_echo(count, arguments);
    if (strcmp(name, "vsock-send") == 0)
        return vsock_send(count, arguments);
    fprintf(stderr, "%s: none of this guest's programs\n", name);
    return 64;
}
