#pragma once

#include <stdbool.h>

// Another root than the initramfs: a disk, or a directory of the host.

/// Where programs are looked for, as a word of the environment.
#define GUEST_PATH "PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin"

/// Mounts what `SOURCE,TYPE` or `SOURCE,TYPE,ro` says, such as `/dev/vda,ext4` or `rootfs,virtiofs`, and makes it the
/// root of this process and of the kernel's. What the initramfs holds is given back. Says on standard error why it can't
/// be; then nothing has changed.
bool enter_root(const char *text);

/// Becomes the root's own first process: the one that is named, or what the kernel would look for. Returns where the root
/// has none.
void become_init(const char *path);

/// modprobe, as the kernel calls it for a file system that it lacks: loads the modules that
/// /lib/modules/NAME.order lists, for the last argument `fs-NAME`.
int load_file_system(int count, char **arguments);
