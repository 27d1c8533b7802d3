// Puts another kernel into place, as kexec(8) does with kexec_file_load(2), and starts it.

#define _GNU_SOURCE
#include "guest_tools.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static int usage(void) {
    fprintf(stderr, "usage: kexec-load [-p] KERNEL INITRD COMMAND-LINE    loads a kernel; -p: for after a panic\n"
                    "       kexec-load -e                                starts the one that was loaded without -p\n");
    return 64;
}

int kexec_load(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "-e") == 0) {
        sync();
        reboot(LINUX_REBOOT_CMD_KEXEC);
        perror("kexec-load: starting the kernel");
        return 1;
    }
    int first = count > 1 && strcmp(arguments[1], "-p") == 0 ? 2 : 1;
    if (count - first != 3)
        return usage();
    unsigned long flags = first == 2 ? KEXEC_FILE_ON_CRASH : 0;
    int files[2];
    for (int index = 0; index < 2; index++) {
        files[index] = open(arguments[first + index], O_RDONLY | O_CLOEXEC);
        if (files[index] < 0) {
            perror(arguments[first + index]);
            return 1;
        }
    }
    const char *line = arguments[first + 2];
    if (syscall(SYS_kexec_file_load, files[0], files[1], strlen(line) + 1, line, flags) != 0) {
        perror("kexec-load: loading the kernel");
        return 1;
    }
    return 0;
}
