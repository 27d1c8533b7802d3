#pragma once

#include <stdbool.h>

// What the first process of both initramfs images needs: the guest's (guest_init.c) and the emulated KVM host's
// (kvm_host_agent.c).

/// Mounts a file system, making the directory first. Complains on standard error and goes on when it can't:
/// a system that lacks one is still worth looking at.
bool mount_at(const char *source, const char *target, const char *type, unsigned long flags, const char *options);

/// Where the modules are listed that are loaded at the start.
#define STARTING_MODULES "/lib/modules/order"

/// Loads the kernel modules that a file lists, one path a line, in that order; none where there is no such file.
/// Complains about one that doesn't load, unless the kernel has it already, and goes on.
void load_modules(const char *list);
