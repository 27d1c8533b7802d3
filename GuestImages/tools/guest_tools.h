#pragma once

// The programs that the guest's initramfs holds, all in one executable: which one runs, its name says.

/// /init: see guest_init.c.
int guest_init(void);

/// memory-pattern NODE SIZE SEED: fills memory of a NUMA node, and verifies it on SIGUSR1. See memory_tools.c.
int memory_pattern(int count, char **arguments);

/// memory-touch NODE SIZE: writes every page of memory of a NUMA node, and gives it back. See memory_tools.c.
int memory_touch(int count, char **arguments);

/// memory-pin NODE SIZE STEP: keeps single pages of that memory where they are, until it ends. See memory_tools.c.
int memory_pin(int count, char **arguments);

/// memory-load KIND SIZE [NODE|any] [PATH|SEED]: a workload for memory hotplug, kept until it ends. See memory_load.c.
int memory_load(int count, char **arguments);

/// kexec-load [-p] KERNEL INITRD COMMAND-LINE, kexec-load -e: another kernel in place of this one. See kexec_load.c.
int kexec_load(int count, char **arguments);

/// core-read FILE [SEED]: reads all memory that the kernel's core file offers. See core_read.c.
int core_read(int count, char **arguments);

/// disk-log DISK: writes and flushes for ever, and says what was flushed. See disk_log.c.
int disk_log(int count, char **arguments);

/// disk-bench DISK read|write random|sequential BYTES DEPTH MILLISECONDS: measures a disk. See disk_bench.c.
int disk_bench(int count, char **arguments);

/// vsock-echo PORT: sends back what comes on connections to a port of the guest. See vsock_tools.c.
int vsock_echo(int count, char **arguments);

/// vsock-send PORT SIZE CONNECTIONS: sends bytes to a port of the host, on many connections at once, and expects them
/// back. See vsock_tools.c.
int vsock_send(int count, char **arguments);
