// A toolkit for hand-written guests: ports, traps, page tables, CPL 3, further vCPUs, and a driver of memory devices.
//
// A guest defines `guest_main`, which runs at CPL 0 with the toolkit's tables: 4 GiB mapped to themselves, for CPL 3
// too. On software KVM CPL 0 is a thousand times slower than CPL 3: whatever loops belongs behind `enter_user`.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/// Numbers that the test has put into the image.
extern uint64_t parameters[8];

/// What belongs to one vCPU; the last trap's facts are here.
struct cpu {
    uint64_t vector, error, cr2, rip;
    uint64_t recovery_rip, recovery_rsp;
    uint64_t number;
};

void guest_main(void);

static inline struct cpu *this_cpu(void) {
    uint64_t stack;
    __asm__("movq %%rsp, %0" : "=r"(stack));
    return (struct cpu *)(stack & -(uint64_t)CPU_SIZE);
}

// MARK: Privilege and traps

/// Calls a function at CPL 3; it must not return.
__attribute__((noreturn)) void enter_user(void (*body)(void));
/// Calls a function at CPL 0, from whatever level.
uint64_t privileged(uint64_t (*body)(void *), void *argument);
/// Calls a function; 1 when it ended in a trap, of which `this_cpu()` tells.
int guarded_call(void (*body)(void *), void *argument);
/// Has a vector's handler run on the stack of what it interrupts at CPL 0.
void use_own_stack(unsigned vector);
/// Starts another vCPU with a function, at CPL 0.
void start_cpu(unsigned number, void (*body)(void));

// MARK: Ports and memory

void out8(uint16_t port, uint8_t value);
uint8_t in8(uint16_t port);

static inline uint64_t load64(uint64_t address) { return *(volatile uint64_t *)address; }
static inline void store64(uint64_t address, uint64_t value) { *(volatile uint64_t *)address = value; }
static inline uint32_t load32(uint64_t address) { return *(volatile uint32_t *)address; }
static inline void store32(uint64_t address, uint32_t value) { *(volatile uint32_t *)address = value; }

/// Bytes to the serial port, and from it; `get` waits.
void put(const void *bytes, size_t count);
void print(const char *text);
void print_number(uint64_t value);
void get(void *bytes, size_t count);
void power_off(void);

/// A number that looks random; the state must not be 0.
uint64_t next_random(uint64_t *state);

// MARK: Page tables, for CPL 0 and 3; privileged

/// Maps a range by pages of 2 MiB.
void map(uint64_t virtual_address, uint64_t physical, uint64_t size);
/// Maps one page of 4 KiB.
void map_page(uint64_t virtual_address, uint64_t physical);
/// Makes the table at a guest-physical address the one for the 2 MiB (`level` 1) or 1 GiB (2) around an address.
void map_table(uint64_t virtual_address, int level, uint64_t table);

// MARK: Interrupts

/// How often the timer has interrupted.
extern volatile uint64_t timer_count;
/// Has the local APIC interrupt the vCPU again and again, each time after so many of its ticks. At CPL 0.
void start_timer(uint32_t ticks);

// MARK: Memory devices

enum { PLUG = 0, UNPLUG = 1, UNPLUG_ALL = 2, STATE = 3 };
enum { ACK = 0, NACK = 1, BUSY = 2, ERROR = 3 };

struct virtq_descriptor {
    uint64_t address;
    uint32_t length;
    uint16_t flags, next;
};
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2, DESCRIPTOR_INDIRECT = 4 };

enum { QUEUE_SIZE = 8 };

struct memory_device_request {
    uint16_t type, padding[3];
    uint64_t address;
    uint16_t count, padding2[3];
};

struct memory_device_response {
    uint16_t type, padding[3];
    uint16_t state;
};

/// A driver's side of a device: its rings, in the guest's own memory.
struct memory_device {
    _Alignas(16) struct virtq_descriptor descriptors[QUEUE_SIZE];
    struct {
        uint16_t flags, index, ring[QUEUE_SIZE], event;
    } available;
    struct {
        _Alignas(4) uint16_t flags;
        uint16_t index;
        struct {
            uint32_t descriptor, length;
        } ring[QUEUE_SIZE];
        uint16_t event;
    } used;
    struct memory_device_request request;
    struct memory_device_response response;
    /// A response to a wrong address goes here rather than over what follows.
    uint64_t spare[8];
    uint64_t registers;
    uint16_t made_available;
    /// The queue that the rings are for; the device's other queues are left alone.
    uint16_t queue;
};

enum {
    REGISTER_FEATURES_SELECT = 0x24,
    REGISTER_FEATURES = 0x20,
    REGISTER_QUEUE = 0x30,
    REGISTER_QUEUE_SIZE = 0x38,
    REGISTER_QUEUE_READY = 0x44,
    REGISTER_NOTIFY = 0x50,
    REGISTER_INTERRUPT_STATUS = 0x60,
    REGISTER_INTERRUPT_ACKNOWLEDGE = 0x64,
    REGISTER_STATUS = 0x70,
    REGISTER_DESCRIPTORS = 0x80,
    REGISTER_AVAILABLE = 0x90,
    REGISTER_USED = 0xA0,
    REGISTER_CONFIGURATION = 0x100,
};
enum { FEATURE_UNPLUGGED_INACCESSIBLE = 2 };
enum { STATUS_NEEDS_RESET = 64 };

/// Offsets in the configuration space of a memory device (virtio 1.3, 5.15.4).
enum {
    CONFIGURATION_BLOCK_SIZE = 0x00,
    CONFIGURATION_ADDRESS = 0x10,
    CONFIGURATION_REGION_SIZE = 0x18,
    CONFIGURATION_USABLE_SIZE = 0x20,
    CONFIGURATION_PLUGGED_SIZE = 0x28,
    CONFIGURATION_REQUESTED_SIZE = 0x30,
};

uint32_t device_read(struct memory_device *device, unsigned offset);
void device_write(struct memory_device *device, unsigned offset, uint32_t value);
/// A field of 8 bytes in the configuration space.
uint64_t device_configuration(struct memory_device *device, unsigned offset);

/// Takes the device with that number through its initialization, with VIRTIO_F_VERSION_1 and these feature bits below
/// 32; `false` where it refuses them.
bool device_start(struct memory_device *device, unsigned number, uint32_t features);
/// The same, with rings at other guest-physical addresses.
bool device_start_with_rings(
    struct memory_device *device, unsigned number, uint32_t features, uint64_t descriptors, uint64_t available,
    uint64_t used);
/// Makes a chain available that begins with that descriptor, and notifies.
void device_submit(struct memory_device *device, uint16_t head);
/// Waits for as many used chains as were made available; `false` where the device needs a reset.
bool device_wait(struct memory_device *device);
/// Sends a request and waits for its answer: its type, or -1 where the device needs a reset.
int device_request(struct memory_device *device, uint16_t type, uint64_t address, uint16_t count);
