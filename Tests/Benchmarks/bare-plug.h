// What bare-plug.c and its guest agree about.
#pragma once

#include <stdint.h>

#define BARE_REGION 0x100000000ull
#define BARE_BLOCK (2ull << 20)
#define BARE_BLOCKS 512ull
/// Blocks that a memory slot covers: 128 MiB, as Swiftlet chooses for a region of that size.
#define BARE_SLOT_BLOCKS 64ull
/// The guest-physical address of the request, and of what notifies.
#define BARE_REQUEST 0x8000
#define BARE_NOTIFY 0xD0000050u

struct bare_request {
    uint64_t type, block, count;
    /// How many requests are done.
    uint64_t done;
};
