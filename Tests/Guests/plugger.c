// Plugs and unplugs a region again and again, and writes to each block in between, for Tools/bench-plug. BARE makes it a
// guest of Benchmarks/bare-plug.c, which has no device but does the same with the memory.
#include "guest.h"

#include "../Benchmarks/bare-plug.h"

// Given by the compiler: REQUEST_BLOCKS, and REST, the ticks of the processor's counter after each round, in which slots
// without a plugged block go.
static const uint64_t start = BARE_REGION;

#ifdef BARE
static volatile struct bare_request *const bare = (void *)BARE_REQUEST;

static void connect(void) {}

static bool request(uint16_t type, uint64_t block, uint16_t count) {
    bare->type = type;
    bare->block = block;
    bare->count = count;
    uint64_t done = bare->done;
    store32(BARE_NOTIFY, 0);
    while (bare->done == done)
        __asm__ volatile("pause");
    return true;
}
#else
static struct memory_device device;

static void connect(void) { device_start(&device, 0, FEATURE_UNPLUGGED_INACCESSIBLE); }

static bool request(uint16_t type, uint64_t block, uint16_t count) {
    return device_request(&device, type, start + block * BARE_BLOCK, count) == ACK;
}
#endif

static uint64_t ticks(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

static bool do_round(void) {
    bool good = true;
    for (uint64_t block = 0; block < BARE_BLOCKS; block += REQUEST_BLOCKS)
        good &= request(PLUG, block, REQUEST_BLOCKS);
    for (uint64_t block = 0; block < BARE_BLOCKS; block++)
        store64(start + block * BARE_BLOCK, block + 1);
    for (uint64_t left = BARE_BLOCKS; left; left -= REQUEST_BLOCKS)
        good &= request(UNPLUG, left - REQUEST_BLOCKS, REQUEST_BLOCKS);
    for (uint64_t end = ticks() + REST; ticks() < end;)
        __asm__ volatile("pause");
    return good;
}

/// Does as many rounds as a digit says, and says 'd' when they are done and 'f' when one failed; '0' ends it.
static void work(void) {
    connect();
    put("r", 1);
    char digit;
    for (get(&digit, 1); digit != '0'; get(&digit, 1)) {
        bool good = true;
        for (; digit != '0'; digit--)
            good &= do_round();
        put(good ? "d" : "f", 1);
    }
    power_off();
    while (true) {
    }
}

void guest_main(void) {
    map(start, start, BARE_BLOCKS * BARE_BLOCK);
    enter_user(work);
}
