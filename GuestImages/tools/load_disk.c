// Where the loads with files have their file system.

#define _GNU_SOURCE
#include "memory_load.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { max_path = 300, exit_no_program = 127 };

int load_mount(const char *type, const char *source, const char *option, const char *value) {
    int context = fsopen(type, FSOPEN_CLOEXEC), root = -1;
    if (context < 0)
        return -1;
    if ((!source || fsconfig(context, FSCONFIG_SET_STRING, "source", source, 0) == 0) &&
        (!option || fsconfig(context, FSCONFIG_SET_STRING, option, value, 0) == 0) &&
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
        root = fsmount(context, FSMOUNT_CLOEXEC, 0);
    int error = errno;
    close(context);
    errno = error;
    return root;
}

/// Finds the last of the whole disks. False where there is none.
static bool find_last_disk(char *path) {
    char last[64] = "";
    DIR *directory = opendir("/dev");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *name = entry->d_name;
        size_t length = strlen(name);
        if (strncmp(name, "vd", 2) != 0 || length < 3 || length >= sizeof last ||
            strspn(name + 2, "abcdefghijklmnopqrstuvwxyz") != length - 2)
            continue;
        if (length > strlen(last) || (length == strlen(last) && strcmp(name, last) > 0))
            strcpy(last, name);
    }
    if (directory)
        closedir(directory);
    snprintf(path, max_path, "/dev/%s", last);
    return last[0] != '\0';
}

/// Whether a disk has a file system that is mounted where everybody sees it.
static bool is_mounted(dev_t disk) {
    char line[4096];
    bool found = false;
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    while (mounts && !found && fgets(line, sizeof line, mounts)) {
        unsigned first, second;
        found = sscanf(line, "%*d %*d %u:%u", &first, &second) == 2 && makedev(first, second) == disk;
    }
    if (mounts)
        fclose(mounts);
    return found;
}

/// Whether a piece of a disk has nothing but zeroes; not if it can't be read.
static bool is_zero(int disk, off_t offset) {
    static char piece[load_piece];
    if (pread(disk, piece, sizeof piece, offset) != (ssize_t)sizeof piece)
        return false;
    return piece[0] == 0 && memcmp(piece, piece + 1, sizeof piece - 1) == 0;
}

/// Whether nothing is on a disk: what is, has its mark at the start or at the end.
static bool is_blank(int disk) {
    uint64_t size;
    return ioctl(disk, BLKGETSIZE64, &size) == 0 && size >= load_piece && is_zero(disk, 0) &&
           is_zero(disk, (off_t)(size - load_piece));
}

/// Runs mke2fs; returns its status as wait has it.
static int run_mke2fs(const char *path) {
    pid_t child = fork();
    if (child == 0) {
        // What it says is none of this program's lines.
        int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        // Few inodes: to write their tables takes longer than the rest.
        execlp("mke2fs", "mke2fs", "-F", "-b", "4096", "-i", "1048576", "-m", "0", path, NULL);
        perror("memory-load: mke2fs");
        _exit(exit_no_program);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

/// Makes a file system on a blank disk that nobody uses. False after a message.
static bool make_file_system(const char *path) {
    int alone = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
    if (alone < 0) {
        load_fail("%s: %s", path, strerror(errno));
        return false;
    }
    close(alone);
    int status = run_mke2fs(path);
    if (status != 0)
        load_fail("making a file system on %s failed (status %d)", path, status);
    return status == 0;
}

/// Mounts a disk, that others of these programs leave alone meanwhile.
static int mount_disk(int disk, const char *path) {
    flock(disk, LOCK_EX);
    if (is_blank(disk) && !make_file_system(path))
        return -1;
    int root = load_mount("ext4", path, NULL, NULL);
    if (root < 0)
        load_fail("mounting %s: %s%s", path, strerror(errno),
                  errno == EINVAL ? " (it is not blank, and has no file system of the ext kind)" : "");
    return root;
}

int load_mount_disk(void) {
    char path[max_path];
    const char *named = getenv("MEMORY_LOAD_DISK");
    snprintf(path, sizeof path, "%s", named ? named : "");
    if (!named && !find_last_disk(path)) {
        load_fail("there is no disk /dev/vd*: name one with MEMORY_LOAD_DISK, or a PATH");
        return -1;
    }
    struct stat status;
    int disk = open(path, O_RDWR | O_CLOEXEC), root = -1;
    if (disk < 0 || fstat(disk, &status) != 0)
        load_fail("%s: %s", path, strerror(errno));
    else if (!S_ISBLK(status.st_mode))
        load_fail("%s is not a disk", path);
    else if (is_mounted(status.st_rdev))
        load_fail("%s is mounted: it's not for this program", path);
    else
        root = mount_disk(disk, path);
    if (disk >= 0)
        close(disk);
    return root;
}
