#include "guest.h"

enum { PAGE = 4096, LARGE_PAGE = 2 << 20, TABLES = 40 };
/// Present, writable, for CPL 3; and a large page.
enum { ENTRY = 7, ENTRY_LARGE = 0x87 };

_Alignas(CPU_SIZE) unsigned char cpus[CPU_MOST][CPU_SIZE];
static _Alignas(PAGE) uint64_t tables[TABLES][512];
static unsigned used_tables = 1;

static uint64_t segments[8 + 2 * CPU_MOST];
enum { TIMER_VECTOR = 40 };
static struct {
    uint64_t low, high;
} gates[TIMER_VECTOR + 1];
static struct {
    uint32_t reserved;
    uint32_t words[25];
} tasks[CPU_MOST];

extern const unsigned char trap_stubs[], undefined_instruction[], timer_interrupt[];
extern const unsigned char trampoline[], trampoline_end[];

void *memset(void *to, int byte, size_t count) {
    unsigned char *bytes = to;
    __asm__ volatile("rep stosb" : "+D"(bytes), "+c"(count) : "a"(byte) : "memory");
    return to;
}

void *memcpy(void *to, const void *from, size_t count) {
    void *target = to;
    __asm__ volatile("rep movsb" : "+D"(target), "+S"(from), "+c"(count) : : "memory");
    return to;
}

// MARK: Ports

// Software KVM lets nobody but CPL 0 use ports, whatever IOPL says.

static uint64_t port_output(void *argument) {
    uint32_t access = *(uint32_t *)argument;
    __asm__ volatile("outb %0, %1" : : "a"((uint8_t)(access >> 16)), "d"((uint16_t)access));
    return 0;
}

static uint64_t port_input(void *argument) {
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "d"(*(uint16_t *)argument));
    return value;
}

void out8(uint16_t port, uint8_t value) {
    uint32_t access = port | (uint32_t)value << 16;
    privileged(port_output, &access);
}

uint8_t in8(uint16_t port) { return (uint8_t)privileged(port_input, &port); }

static void put8(uint8_t byte) {
    while (!(in8(0x3FD) & 0x20)) {
    }
    out8(0x3F8, byte);
}

void put(const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        put8(((const uint8_t *)bytes)[i]);
}

void print(const char *text) {
    while (*text)
        put8((uint8_t)*text++);
}

void print_number(uint64_t value) {
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count)
        put8((uint8_t)digits[--count]);
}

void get(void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        while (!(in8(0x3FD) & 1))
            __asm__ volatile("pause");
        ((uint8_t *)bytes)[i] = in8(0x3F8);
    }
}

void power_off(void) { out8(0x600, 0x34); }

void unexpected_trap(uint32_t vector) {
    struct cpu *cpu = this_cpu();
    print("\ntrap ");
    print_number(vector);
    print(" at ");
    print_number(cpu->rip);
    print(", cr2 ");
    print_number(cpu->cr2);
    print("\n");
}

uint64_t next_random(uint64_t *state) {
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

// MARK: Page tables

static uint64_t *entry(uint64_t virtual_address, int level) {
    uint64_t *table = tables[0];
    for (int above = 3; above >= level; above--) {
        uint64_t *found = &table[virtual_address >> (12 + 9 * above) & 511];
        if (above == level)
            return found;
        if (!(*found & 1) || *found & 0x80) {
            if (used_tables == TABLES) {
                print("no more page tables\n");
                power_off();
            }
            *found = (uint64_t)tables[used_tables++] | ENTRY;
        }
        table = (uint64_t *)(*found & ~(uint64_t)0xFFF);
    }
    return table;
}

static void flush(void) {
    uint64_t root = (uint64_t)tables[0];
    __asm__ volatile("movq %0, %%cr3" : : "r"(root) : "memory");
}

void map(uint64_t virtual_address, uint64_t physical, uint64_t size) {
    for (uint64_t offset = 0; offset < size; offset += LARGE_PAGE)
        *entry(virtual_address + offset, 1) = (physical + offset) | ENTRY_LARGE;
    flush();
}

void map_page(uint64_t virtual_address, uint64_t physical) {
    *entry(virtual_address, 0) = physical | ENTRY;
    flush();
}

void map_table(uint64_t virtual_address, int level, uint64_t table) {
    *entry(virtual_address, level) = table | ENTRY;
    flush();
}

// MARK: Start

static void set_gate(unsigned vector, const void *handler, unsigned stack) {
    uint64_t address = (uint64_t)handler;
    gates[vector].low = (address & 0xFFFF) | KERNEL_CODE << 16 | (uint64_t)stack << 32 |
                        (uint64_t)0x8E << 40 | (address >> 16 & 0xFFFF) << 48;
    gates[vector].high = address >> 32;
}

void use_own_stack(unsigned vector) { gates[vector].low &= ~((uint64_t)7 << 32); }

struct __attribute__((packed)) table_register {
    uint16_t limit;
    uint64_t base;
};

static void load_tables(unsigned number) {
    struct table_register gdt = {sizeof segments - 1, (uint64_t)segments};
    struct table_register idt = {sizeof gates - 1, (uint64_t)gates};
    // Interrupt stacks 1 and 2: a trap gets a stack of its own whatever the guest has done to its own.
    uint64_t base = (uint64_t)cpus[number];
    uint64_t stacks[] = {base + CPU_TRAP_STACK, base + CPU_SYSTEM_STACK};
    for (unsigned i = 0; i < 2; i++) {
        tasks[number].words[8 + 2 * i] = (uint32_t)stacks[i];
        tasks[number].words[9 + 2 * i] = (uint32_t)(stacks[i] >> 32);
    }
    tasks[number].words[24] = 104 << 16;
    uint64_t task = (uint64_t)&tasks[number];
    unsigned slot = TASK / 8 + 2 * number;
    segments[slot] = 103 | (task & 0xFFFFFF) << 16 | (uint64_t)0x89 << 40 | (task >> 24 & 0xFF) << 56;
    segments[slot + 1] = task >> 32;
    __asm__ volatile(
        "lgdt %0\n lidt %1\n movw %w2, %%ds\n movw %w2, %%es\n movw %w2, %%ss\n"
        "pushq %3\n leaq 1f(%%rip), %%rax\n pushq %%rax\n lretq\n 1: ltr %w4"
        :
        : "m"(gdt), "m"(idt), "r"(KERNEL_DATA), "i"(KERNEL_CODE), "r"(slot * 8)
        : "rax", "memory");
    ((struct cpu *)base)->number = number;
}

void toolkit_start(void) {
    segments[KERNEL_CODE / 8] = 0x00AF9B000000FFFF;
    segments[KERNEL_DATA / 8] = 0x00CF93000000FFFF;
    segments[USER_DATA / 8] = 0x00CFF3000000FFFF;
    segments[USER_CODE / 8] = 0x00AFFB000000FFFF;
    for (unsigned vector = 0; vector < 32; vector++)
        set_gate(vector, trap_stubs + 16 * vector, 1);
    set_gate(6, undefined_instruction, 2);
    for (uint64_t address = 0; address < (uint64_t)4 << 30; address += LARGE_PAGE)
        *entry(address, 1) = address | ENTRY_LARGE;
    flush();
    uint64_t cr4;
    __asm__ volatile("movq %%cr4, %0" : "=r"(cr4));
    // OSFXSR and OSXMMEXCPT: SSE instructions work.
    __asm__ volatile("movq %0, %%cr4" : : "r"(cr4 | 0x600));
    load_tables(0);
}

// MARK: Further vCPUs

static void (*volatile started_body)(void);
static volatile unsigned started_number;
static volatile bool has_started;

static void first_steps(void) {
    load_tables(started_number);
    void (*body)(void) = started_body;
    has_started = true;
    body();
}

void start_cpu(unsigned number, void (*body)(void)) {
    memcpy((void *)TRAMPOLINE, trampoline, (size_t)(trampoline_end - trampoline));
    store64(TRAMPOLINE_ROOT, (uint64_t)tables[0]);
    store64(TRAMPOLINE_STACK, (uint64_t)cpus[number] + CPU_SIZE);
    store64(TRAMPOLINE_BODY, (uint64_t)first_steps);
    struct table_register gdt = {sizeof segments - 1, (uint64_t)segments};
    memcpy((void *)TRAMPOLINE_GDT, &gdt, sizeof gdt);
    started_number = number;
    started_body = body;
    has_started = false;
    // INIT and start-up through the local APIC, once it is enabled (Intel SDM volume 3, 11.4.7 and 11.6.1); the APIC id
    // is the number.
    store32(0xFEE000F0, 0x1FF);
    static const uint32_t commands[] = {0xC500, 0x600 | TRAMPOLINE >> 12};
    for (unsigned i = 0; i < 2; i++) {
        store32(0xFEE00310, number << 24);
        store32(0xFEE00300, commands[i]);
    }
    while (!has_started)
        __asm__ volatile("pause");
}

// MARK: Interrupts

volatile uint64_t timer_count;

/// Intel SDM volume 3, 11.5.4: divided by one, periodic.
void start_timer(uint32_t ticks) {
    set_gate(TIMER_VECTOR, timer_interrupt, 1);
    store32(0xFEE000F0, 0x1FF);
    store32(0xFEE003E0, 0xB);
    store32(0xFEE00320, 1 << 17 | TIMER_VECTOR);
    store32(0xFEE00380, ticks);
}

// MARK: Memory devices

uint32_t device_read(struct memory_device *device, unsigned offset) { return load32(device->registers + offset); }

void device_write(struct memory_device *device, unsigned offset, uint32_t value) {
    store32(device->registers + offset, value);
}

uint64_t device_configuration(struct memory_device *device, unsigned offset) {
    return device_read(device, REGISTER_CONFIGURATION + offset) |
           (uint64_t)device_read(device, REGISTER_CONFIGURATION + offset + 4) << 32;
}

static void write_address(struct memory_device *device, unsigned offset, uint64_t address) {
    device_write(device, offset, (uint32_t)address);
    device_write(device, offset + 4, (uint32_t)(address >> 32));
}

bool device_start_with_rings(
    struct memory_device *device, unsigned number, uint32_t features, uint64_t descriptors, uint64_t available,
    uint64_t used) {
    device->registers = 0xD0000000 + (uint64_t)number * 0x1000;
    device->made_available = 0;
    memset(&device->available, 0, sizeof device->available);
    memset(&device->used, 0, sizeof device->used);
    for (unsigned status = 0; status <= 3; status += status + 1)
        device_write(device, REGISTER_STATUS, status);
    device_write(device, REGISTER_FEATURES_SELECT, 0);
    device_write(device, REGISTER_FEATURES, features);
    device_write(device, REGISTER_FEATURES_SELECT, 1);
    device_write(device, REGISTER_FEATURES, 1);
    device_write(device, REGISTER_STATUS, 11);
    if (!(device_read(device, REGISTER_STATUS) & 8))
        return false;
    device_write(device, REGISTER_QUEUE, device->queue);
    device_write(device, REGISTER_QUEUE_SIZE, QUEUE_SIZE);
    write_address(device, REGISTER_DESCRIPTORS, descriptors);
    write_address(device, REGISTER_AVAILABLE, available);
    write_address(device, REGISTER_USED, used);
    device_write(device, REGISTER_QUEUE_READY, 1);
    device_write(device, REGISTER_STATUS, 15);
    return true;
}

bool device_start(struct memory_device *device, unsigned number, uint32_t features) {
    return device_start_with_rings(
        device, number, features, (uint64_t)device->descriptors, (uint64_t)&device->available,
        (uint64_t)&device->used);
}

void device_submit(struct memory_device *device, uint16_t head) {
    device->available.ring[device->made_available % QUEUE_SIZE] = head;
    device->made_available++;
    __asm__ volatile("" ::: "memory");
    *(volatile uint16_t *)&device->available.index = device->made_available;
    device_write(device, REGISTER_NOTIFY, device->queue);
}

bool device_wait(struct memory_device *device) {
    for (uint64_t round = 1; *(volatile uint16_t *)&device->used.index != device->made_available; round++) {
        __asm__ volatile("pause");
        // A register costs an exit: look seldom.
        if (!(round & 0xFFFF) && device_read(device, REGISTER_STATUS) & STATUS_NEEDS_RESET)
            return false;
    }
    return true;
}

int device_request(struct memory_device *device, uint16_t type, uint64_t address, uint16_t count) {
    device->request = (struct memory_device_request){.type = type, .address = address, .count = count};
    device->descriptors[0] = (struct virtq_descriptor){(uint64_t)&device->request, 24, DESCRIPTOR_NEXT, 1};
    device->descriptors[1] = (struct virtq_descriptor){(uint64_t)&device->response, 10, DESCRIPTOR_WRITE, 0};
    device_submit(device, 0);
    return device_wait(device) ? *(volatile uint16_t *)&device->response.type : -1;
}
