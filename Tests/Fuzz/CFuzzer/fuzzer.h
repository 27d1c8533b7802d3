#pragma once

#include <stddef.h>
#include <stdint.h>

// libFuzzer's main, for programs that have one of their own: it runs until the options in the arguments, a find or a
// signal end it.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
