#pragma once

// The programs that the guest's initramfs holds, all in one executable: which one runs, its name says.

/// /init: see guest_init.c.
int guest_init(void);

/// memory-pattern NODE SIZE SEED: fills memory of a NUMA node, and verifies it on SIGUSR1. See memory_tools.c.
int memory_pattern(int count, char **arguments);

/// memory-touch NODE SIZE: writes every page of memory of a NUMA node, and gives it back. See memory_tools.c.
int memory_touch(int count, char **arguments);
