// Leaves the guest for user space again and again, for Tools/bench: by a port that belongs to nobody, or by reading the
// first register of the first virtio-mmio device.
#include "guest.h"

enum { COUNT = 20000, PORT = 0x80 };
static const uint64_t window = 0xD0000000;

/// Does what a letter says, says 'd' when it is done, and ends with any other letter.
static void work(void) {
    put("r", 1);
    while (true) {
        char letter;
        get(&letter, 1);
        if (letter == 'p') {
            for (int count = 0; count < COUNT; count++)
                out8(PORT, 0);
        } else if (letter == 'm') {
            for (int count = 0; count < COUNT; count++)
                load32(window);
        } else {
            break;
        }
        put("d", 1);
    }
    power_off();
    while (true) {
    }
}

void guest_main(void) { enter_user(work); }
