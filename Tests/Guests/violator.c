// Plugs the first block of a memory device, and touches the next one, which is unplugged, when it is told to: for
// Tests/Tools/violation-test.
#include "guest.h"

static const uint64_t start = 4ull << 30;
static struct memory_device device;

static void work(void) {
    device_start(&device, 0, FEATURE_UNPLUGGED_INACCESSIBLE);
    uint64_t size = device_configuration(&device, CONFIGURATION_BLOCK_SIZE);
    put(device_request(&device, PLUG, start, 1) == ACK ? "p" : "f", 1);
    while (true) {
        char what;
        get(&what, 1);
        if (what == 'w')
            store32(start + size + 64, 7);
        else
            load64(start + size + 8);
        put("d", 1);
    }
}

void guest_main(void) {
    map(start, start, 4 << 20);
    enter_user(work);
}
