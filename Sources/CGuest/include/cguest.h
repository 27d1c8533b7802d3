#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What only a program inside a guest does, as Swift can call it: the result, or a negated errno.

/// Listens on a vsock port, for connections from anywhere (vsock(7)). -ENOENT where the kernel has no vsock, -ENODEV where
/// the machine has none.
int cg_listen_vsock(uint32_t port);
/// Whether a connection comes from the host, and not from a program in the guest.
bool cg_comes_from_host(int connection);

/// A command to start.
struct cg_command {
    /// Paths of its program, the next one for where there is none; they end with NULL, as the next two do.
    char **candidates;
    char **arguments;
    char **environment;
    const char *directory;
    /// Whether to become that user, with these groups.
    bool changes_user;
    uint32_t user;
    uint32_t group;
    const uint32_t *groups;
    size_t group_count;
    /// The master of its terminal; -1 for the three descriptors.
    int terminal;
    int input;
    int output;
    int errors;
    /// How many descriptors it may have: what the agent had before it took more.
    uint64_t soft_descriptor_limit;
    uint64_t hard_descriptor_limit;
    /// Whether the agent is spared when memory runs out, which a command is not.
    bool was_spared;
    int oom_score_adjustment;
    /// Where the reason goes if it can't be started: a pipe that starting closes.
    int report;
};

/// What a command could not be started for.
enum cg_stage { CG_STAGE_TERMINAL = 1, CG_STAGE_USER = 2, CG_STAGE_DIRECTORY = 3, CG_STAGE_PROGRAM = 4 };

struct cg_start_failure {
    int32_t stage;
    int32_t error;
};

/// Starts a command in a session of its own; returns its process.
pid_t cg_start(const struct cg_command *command);

/// Goes on in a child with one descriptor, beside the standard ones, which it gets the number of and which blocks.
/// Returns 0 there, and the child's process here.
pid_t cg_fork(int descriptor);
enum { CG_FORKED_DESCRIPTOR = 3 };

/// Reaps any child that has ended; 0 where there is none.
pid_t cg_reap(int *signal, int *status);

/// Opens a new terminal; returns its master, which does not block.
int cg_open_terminal(uint16_t rows, uint16_t columns);
int cg_set_window_size(int terminal, uint16_t rows, uint16_t columns);
/// How many bytes can be read at once.
long cg_readable_count(int descriptor);

/// Raises the number of descriptors that the process may have; what it was before.
int cg_raise_descriptor_limit(uint64_t wanted, uint64_t *soft, uint64_t *hard);

int cg_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options);
int cg_unmount(const char *target);
int cg_load_module(const char *path);

/// Opens the input device if it has a power button; -ENODEV where it has none.
int cg_open_power_button(const char *path);
bool cg_is_power_button_pressed(int device);

enum cg_ending { CG_POWER_OFF = 1, CG_REBOOT = 2, CG_HALT = 3 };
/// Ends the machine (reboot(2)); returns only where that fails.
int cg_end_machine(int ending);
/// Has Ctrl-Alt-Delete send SIGINT to the first process.
void cg_disable_abrupt_reset(void);
/// The kernel's release.
const char *cg_kernel_release(void);
