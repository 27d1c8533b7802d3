#pragma once

#include <stdbool.h>

/// Puts a terminal into raw mode: bytes go through one by one, no echo, no signals from keys. Output keeps its
/// processing where that is asked for (line feeds go to the beginning of a line). Its former mode is kept, and comes back when the process ends, by exit(3) or by a signal that kills it and can be
/// caught. One terminal per process. 0 or a negated errno.
int cl_terminal_make_raw(int descriptor, bool processes_output);

/// Brings the former mode back now. Does nothing when no terminal is raw.
void cl_terminal_restore(void);
