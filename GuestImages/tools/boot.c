#define _GNU_SOURCE
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
    mkdir(target, 0755);
    if (mount(source, target, type, flags, options) == 0)
        return true;
    dprintf(STDERR_FILENO, "init: mounting %s (%s): %s\n", target, type, strerror(errno));
    return false;
}

static void load_module(const char *path) {
    int module = open(path, O_RDONLY | O_CLOEXEC);
    if (module < 0 || (syscall(SYS_finit_module, module, "", 0) != 0 && errno != EEXIST))
        dprintf(STDERR_FILENO, "init: loading %s: %s\n", path, strerror(errno));
    if (module >= 0)
        close(module);
}

void load_modules(const char *list) {
    FILE *order = fopen(list, "re");
    if (!order)
        return;
    char path[256];
    while (fgets(path, sizeof path, order)) {
        path[strcspn(path, "\n")] = '\0';
        load_module(path);
    }
    fclose(order);
}
