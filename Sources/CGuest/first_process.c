// What a guest's first process needs before Swift's runtime begins.

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/// Mounts /proc, if this is the first process of an initramfs: the runtime looks for its program there while it begins,
/// and aborts without. Whoever has a number of its own has found a system that is set up.
__attribute__((constructor(101))) static void mount_proc(void) {
    if (getpid() != 1)
        return;
    mkdir("/proc", 0755);
    // Where this fails, it is mounted already, or the runtime says what it misses.
    (void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}
