// A driver of a memory device that plugs and unplugs at random, and knows what each block must hold: a pattern in the
// first and last word of each page.
#include "guest.h"

enum { PAGE = 4096, BLOCKS_MOST = 1024, RUN_MOST = 4 };

static struct memory_device device;
/// For each block: 0, or the number of the operation that plugged it, which its pattern is made of.
static uint64_t plugged_by[BLOCKS_MOST];
static uint64_t start, block_size, block_count, requested, plugged;
static uint64_t random;

/// What the test is told at the end of each round.
struct report {
    /// 0, or an enum problem.
    uint64_t problem, operation, block, found, expected;
    uint64_t plugged, refused;
    uint64_t bitmap[BLOCKS_MOST / 64];
};
enum problem { NONE, NOT_ZERO, FOREIGN, ANSWER, CONFIGURATION };

static struct report report;

static bool fail(enum problem problem, uint64_t block, uint64_t found, uint64_t expected) {
    if (!report.problem) {
        report.problem = problem;
        report.block = block;
        report.found = found;
        report.expected = expected;
    }
    return false;
}

static uint64_t pattern(uint64_t block, uint64_t address) {
    return plugged_by[block] * 0x9E3779B97F4A7C15 ^ address;
}

static void fill(uint64_t block) {
    uint64_t end = start + (block + 1) * block_size;
    for (uint64_t page = end - block_size; page < end; page += PAGE) {
        store64(page, pattern(block, page));
        store64(page + PAGE - 8, pattern(block, page + PAGE - 8));
    }
}

static bool check(uint64_t block) {
    uint64_t end = start + (block + 1) * block_size;
    for (uint64_t page = end - block_size; page < end; page += PAGE) {
        for (uint64_t address = page; address < page + PAGE; address += PAGE - 8) {
            uint64_t found = load64(address);
            if (found != pattern(block, address))
                return fail(FOREIGN, block, found, pattern(block, address));
        }
    }
    return true;
}

static uint64_t dice(uint64_t sides) { return (next_random(&random) >> 20) % sides; }

static bool plug(uint64_t block, uint64_t count, uint64_t operation) {
    bool fits = plugged + count * block_size <= requested;
    int answer = device_request(&device, PLUG, start + block * block_size, (uint16_t)count);
    if (answer != (fits ? ACK : NACK))
        return fail(ANSWER, block, (uint64_t)answer, fits ? ACK : NACK);
    if (!fits) {
        report.refused++;
        return true;
    }
    plugged += count * block_size;
    for (uint64_t i = block; i < block + count; i++) {
        uint64_t found = load64(start + i * block_size);
        if (found)
            return fail(NOT_ZERO, i, found, 0);
        plugged_by[i] = operation;
        fill(i);
    }
    return true;
}

static bool unplug(uint64_t block, uint64_t count) {
    for (uint64_t i = block; i < block + count; i++) {
        if (!check(i))
            return false;
    }
    int answer = device_request(&device, UNPLUG, start + block * block_size, (uint16_t)count);
    if (answer != ACK)
        return fail(ANSWER, block, (uint64_t)answer, ACK);
    plugged -= count * block_size;
    for (uint64_t i = block; i < block + count; i++)
        plugged_by[i] = 0;
    return true;
}

static bool unplug_all(void) {
    for (uint64_t i = 0; i < block_count; i++) {
        if (plugged_by[i] && !check(i))
            return false;
    }
    int answer = device_request(&device, UNPLUG_ALL, 0, 0);
    if (answer != ACK)
        return fail(ANSWER, 0, (uint64_t)answer, ACK);
    plugged = 0;
    __builtin_memset(plugged_by, 0, sizeof plugged_by);
    return true;
}

/// One request for a run of blocks that are all plugged, or all unplugged.
static bool step(uint64_t operation) {
    if (!dice(2000))
        return unplug_all();
    uint64_t block = dice(block_count), most = 1 + dice(RUN_MOST), count = 1;
    while (count < most && block + count < block_count && !plugged_by[block + count] == !plugged_by[block])
        count++;
    return plugged_by[block] ? unplug(block, count) : plug(block, count, operation);
}

static void tell(void) {
    __builtin_memset(report.bitmap, 0, sizeof report.bitmap);
    for (uint64_t i = 0; i < block_count; i++) {
        if (plugged_by[i])
            report.bitmap[i / 64] |= 1ull << i % 64;
    }
    report.plugged = plugged;
    put(&report, sizeof report);
}

static void drive(void) {
    device_start(&device, 0, FEATURE_UNPLUGGED_INACCESSIBLE);
    while (true) {
        uint64_t order[2];
        get(order, sizeof order);
        requested = order[1];
        for (uint64_t left = order[0]; left && !report.problem; left--)
            step(++report.operation);
        // Everything, in the end of each round.
        for (uint64_t i = 0; i < block_count && !report.problem; i++) {
            if (plugged_by[i])
                check(i);
        }
        if (device_configuration(&device, CONFIGURATION_PLUGGED_SIZE) != plugged)
            fail(CONFIGURATION, 0, device_configuration(&device, CONFIGURATION_PLUGGED_SIZE), plugged);
        tell();
    }
}

/// Parameters: 0 is where the region is, 1 the seed, 2 a block's size, 3 how many there are. An order is a number of
/// operations, and the requested size meanwhile; after it comes a report.
void guest_main(void) {
    start = parameters[0];
    random = parameters[1] | 1;
    block_size = parameters[2];
    block_count = parameters[3];
    map(start, start, block_size * block_count);
    enter_user(drive);
}
