#define _GNU_SOURCE
#include "guest_root.h"
#include "boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char new_root[] = "/new-root";

/// Removes what a directory holds, but for other file systems. The directory is closed.
static void remove_contents(int directory, dev_t device) {
    DIR *entries = fdopendir(directory);
    if (!entries) {
        close(directory);
        return;
    }
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct stat status;
        if (fstatat(directory, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device)
            continue;
        bool is_directory = S_ISDIR(status.st_mode);
        int child = is_directory ? openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
        if (child >= 0)
            remove_contents(child, device);
        unlinkat(directory, entry->d_name, is_directory ? AT_REMOVEDIR : 0);
    }
    closedir(entries);
}

/// Loads the modules of all file systems: where the root is elsewhere, nobody finds them.
static void load_file_systems(void) {
    DIR *directory = opendir("/lib/modules");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *end = strrchr(entry->d_name, '.');
        char list[300];
        snprintf(list, sizeof list, "/lib/modules/%s", entry->d_name);
        if (end && strcmp(end, ".order") == 0)
            load_modules(list);
    }
    if (directory)
        closedir(directory);
}

/// Mounts the root; a disk may take a moment to be found.
static bool mount_root(const char *source, const char *type, unsigned long flags) {
    mkdir(new_root, 0755);
    for (int attempt = 0; attempt < 50; attempt++) {
        if (mount(source, new_root, type, flags, NULL) == 0)
            return true;
        if (errno != ENOENT && errno != ENXIO)
            break;
        nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
    }
    dprintf(STDERR_FILENO, "init: mounting %s (%s) as root: %s\n", source, type, strerror(errno));
    return false;
}

/// Takes a mounted file system along. What the root has no directory for, and does not let make one, is done without.
static void take_along(const char *path) {
    char target[64];
    snprintf(target, sizeof target, "%s%s", new_root, path);
    mkdir(target, 0755);
    if (mount(path, target, NULL, MS_MOVE, NULL) != 0)
        dprintf(STDERR_FILENO, "init: %s in the new root: %s\n", path, strerror(errno));
}

bool enter_root(const char *text) {
    char words[512];
    snprintf(words, sizeof words, "%s", text);
    char *rest = words;
    const char *source = strsep(&rest, ",");
    const char *type = strsep(&rest, ",");
    const char *mode = strsep(&rest, ",");
    if (!type || rest || (mode && strcmp(mode, "ro") != 0 && strcmp(mode, "rw") != 0)) {
        dprintf(STDERR_FILENO, "init: swiftlet.root=%s is not SOURCE,TYPE or SOURCE,TYPE,ro\n", text);
        return false;
    }
    load_file_systems();
    if (!mount_root(source, type, mode && strcmp(mode, "ro") == 0 ? MS_RDONLY : 0))
        return false;
    int former = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    static const char *const kept[] = {"/dev", "/proc", "/sys", "/run", "/tmp"};
    for (size_t index = 0; index < sizeof kept / sizeof *kept; index++)
        take_along(kept[index]);
    // Kernel threads share the first process's root: what the kernel starts is found there, too.
    if (chdir(new_root) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0) {
        dprintf(STDERR_FILENO, "init: changing to the new root: %s\n", strerror(errno));
        return false;
    }
    if (former >= 0 && fstat(former, &status) == 0)
        remove_contents(former, status.st_dev);
    return true;
}

void become_init(const char *path) {
    char *environment[] = {"HOME=/", "TERM=linux", GUEST_PATH, NULL};
    if (path) {
        execle(path, path, NULL, environment);
        dprintf(STDERR_FILENO, "init: %s: %s\n", path, strerror(errno));
        return;
    }
    static const char *const usual[] = {"/sbin/init", "/etc/init", "/bin/init"};
    for (size_t index = 0; index < sizeof usual / sizeof *usual; index++)
        execle(usual[index], usual[index], NULL, environment);
}

int load_file_system(int count, char **arguments) {
    const char *name = arguments[count - 1];
    if (strncmp(name, "fs-", 3) != 0 || strchr(name, '/'))
        return 1;
    char list[128];
    snprintf(list, sizeof list, "/lib/modules/%s.order", name + 3);
    if (access(list, R_OK) != 0)
        return 1;
    load_modules(list);
    return 0;
}
