#pragma once

/// Blocks signals in the calling thread, but for those that the process ignores. 0 or a negated errno.
int cl_block_signals(const int *signals, int count);

/// Blocks the signals in the calling thread (before it makes others, which inherit it) and makes a descriptor that
/// they are read from: signalfd(2), close-on-exec and non-blocking. A descriptor, or a negated errno.
int cl_signal_descriptor(const int *signals, int count);

/// The number of the next pending signal of such a descriptor, or a negated errno (-EAGAIN: none).
int cl_next_signal(int descriptor);

/// Ignores SIGPIPE: a peer that is gone is an error of the write, not the end of the process.
void cl_ignore_broken_pipes(void);

/// What a signal does to a process that does not handle it: its end, or a stop, behind which this returns.
void cl_take_default_action(int signal);
