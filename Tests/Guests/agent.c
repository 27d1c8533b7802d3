// A guest that does what the test tells it over the serial port, one access at a time, at CPL 0 or 3, on any vCPU.
#include "guest.h"

// The numbers are the test's too: GuestAgent.swift.
enum operation {
    LOAD,          // a: address, b: bytes
    STORE,         // a: address, b: bytes, c: value
    ADD,           // the same, read and written by one instruction
    COPY,          // a: to, b: from, c: bytes; rep movsb
    COMPARE,       // a, b: addresses; cmpsl
    CALL,          // a: address
    PUSH,          // a: stack pointer
    POP,           // a: stack pointer
    WORDS,         // a: address, b: count of 8-byte words, c: value; stores
    FIND,          // a: address, b: count of 8-byte words, c: value; how many words differ
    MAP,           // a: virtual, b: physical, c: bytes
    MAP_TABLE,     // a: virtual, b: level, c: table
    START_DEVICE,  // a: number, b: features, c: queue
    RINGS,         // a: descriptors, b: available, c: used, 0 for its own; device 0; makes a chain available
    REQUEST,       // a: type | device << 16, b: address, c: blocks
    CHAIN,         // a: request's address, b: response's, 0 for its own; c: device
    INDIRECT,      // a: table's address, b: bytes; device 0
    RANDOM_CHAINS, // a: count, b: seed, c: an address to aim at
    STATUS,        // of device 0
    USER,          // from now on at CPL 3
    START_CPU,     // a: number
    COLLECT,       // a: vCPU; the reply to what it was told, and 1 in `done` when it has come
    COUNT,         // a: vCPU; how often it has looked for work
    RESET_DEVICE,  // device 0
    TRAP,          // a: stack pointer; an undefined instruction, whose handler has that stack; at CPL 0
    VECTOR,        // a: address of 16 bytes, aligned; added by an instruction that KVM can't emulate
    WRITE_MSR,     // a: number, b: value; at CPL 0
    TIMER,         // a: ticks of the local APIC from one interrupt to the next; on from now on; at CPL 3
    TIMER_COUNT,   // how many there were
    FILL_QUEUE,    // a: type, b: address, c: blocks of each; as many requests as fit; how many were acknowledged; device 0
};

struct command {
    uint32_t operation, cpu;
    uint64_t a, b, c;
};

struct reply {
    /// 0, or one more than a trap's vector.
    uint32_t trap;
    uint32_t done;
    uint64_t value, cr2;
};

static struct memory_device devices[4];
static struct {
    struct command command;
    struct reply reply;
    volatile bool is_posted;
    volatile uint64_t count;
} mailboxes[CPU_MOST];

struct work {
    struct command command;
    uint64_t value;
};

static uint64_t load(uint64_t address, uint64_t bytes) {
    uint64_t value = 0;
    switch (bytes) {
    case 1: __asm__ volatile("movzbl (%1), %k0" : "=r"(value) : "r"(address)); break;
    case 2: __asm__ volatile("movzwl (%1), %k0" : "=r"(value) : "r"(address)); break;
    case 4: __asm__ volatile("movl (%1), %k0" : "=r"(value) : "r"(address)); break;
    case 8: __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(address)); break;
    case 16: {
        // The sum of both halves, by way of memory: software KVM can't move between kinds of registers at CPL 0.
        uint64_t halves[2];
        __asm__ volatile("movdqu (%1), %%xmm0\n movdqu %%xmm0, %0" : "=m"(halves) : "r"(address));
        value = halves[0] + halves[1];
    }
    }
    return value;
}

static void store(uint64_t address, uint64_t bytes, uint64_t value) {
    switch (bytes) {
    case 1: __asm__ volatile("movb %b0, (%1)" : : "r"(value), "r"(address) : "memory"); break;
    case 2: __asm__ volatile("movw %w0, (%1)" : : "r"(value), "r"(address) : "memory"); break;
    case 4: __asm__ volatile("movl %k0, (%1)" : : "r"(value), "r"(address) : "memory"); break;
    case 8: __asm__ volatile("movq %0, (%1)" : : "r"(value), "r"(address) : "memory"); break;
    }
}

static void add(uint64_t address, uint64_t bytes, uint64_t value) {
    switch (bytes) {
    case 1: __asm__ volatile("addb %b0, (%1)" : : "r"(value), "r"(address) : "memory", "cc"); break;
    case 2: __asm__ volatile("addw %w0, (%1)" : : "r"(value), "r"(address) : "memory", "cc"); break;
    case 4: __asm__ volatile("addl %k0, (%1)" : : "r"(value), "r"(address) : "memory", "cc"); break;
    case 8: __asm__ volatile("addq %0, (%1)" : : "r"(value), "r"(address) : "memory", "cc"); break;
    }
}

/// The sum of both halves.
static uint64_t vector(uint64_t address) {
    uint64_t halves[2];
    __asm__ volatile("pxor %%xmm0, %%xmm0\n paddq (%1), %%xmm0\n movdqu %%xmm0, %0" : "=m"(halves) : "r"(address));
    return halves[0] + halves[1];
}

static void copy(uint64_t to, uint64_t from, uint64_t count) {
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static uint64_t compare(uint64_t first, uint64_t second) {
    uint64_t equal;
    __asm__ volatile(
        "cmpsl\n sete %b0\n movzbl %b0, %k0" : "=r"(equal), "+S"(first), "+D"(second) : : "memory", "cc");
    return equal;
}

static void push_at(uint64_t stack) {
    __asm__ volatile("movq %%rsp, %%rbx\n movq %0, %%rsp\n pushq $7\n movq %%rbx, %%rsp" : : "r"(stack) : "rbx", "memory");
}

static uint64_t pop_at(uint64_t stack) {
    uint64_t value;
    __asm__ volatile(
        "movq %%rsp, %%rbx\n movq %1, %%rsp\n popq %0\n movq %%rbx, %%rsp" : "=&r"(value) : "r"(stack) : "rbx", "memory");
    return value;
}

static uint64_t do_map(void *argument) {
    struct command *command = argument;
    if (command->operation == MAP)
        map(command->a, command->b, command->c);
    else
        map_table(command->a, (int)command->b, command->c);
    return 0;
}

/// Waits for a chain's end; the type of the response, or -1 where the device needs a reset.
static uint64_t finish_chain(struct memory_device *device) {
    device->response.type = 0xEE;
    device_submit(device, 0);
    return device_wait(device) ? device->response.type : (uint64_t)-1;
}

static uint64_t chain(struct memory_device *device, uint64_t request, uint64_t response) {
    device->request = (struct memory_device_request){.type = STATE, .address = parameters[0], .count = 1};
    device->descriptors[0] =
        (struct virtq_descriptor){request ? request : (uint64_t)&device->request, 24, DESCRIPTOR_NEXT, 1};
    device->descriptors[1] =
        (struct virtq_descriptor){response ? response : (uint64_t)&device->response, 10, DESCRIPTOR_WRITE, 0};
    return finish_chain(device);
}

/// Requests for neighbouring blocks, as many as the queue has room for, made available together.
static uint64_t fill_queue(struct memory_device *device, uint16_t type, uint64_t address, uint16_t blocks) {
    enum { COUNT = QUEUE_SIZE / 2 };
    static struct memory_device_request requests[COUNT];
    static struct memory_device_response responses[COUNT];
    uint16_t first = device->made_available;
    uint64_t size = blocks * device_configuration(device, CONFIGURATION_BLOCK_SIZE);
    for (uint16_t i = 0; i < COUNT; i++) {
        requests[i] = (struct memory_device_request){
            .type = type, .address = address + i * size, .count = blocks};
        responses[i].type = 0xEE;
        device->descriptors[2 * i] =
            (struct virtq_descriptor){(uint64_t)&requests[i], 24, DESCRIPTOR_NEXT, (uint16_t)(2 * i + 1)};
        device->descriptors[2 * i + 1] = (struct virtq_descriptor){(uint64_t)&responses[i], 10, DESCRIPTOR_WRITE, 0};
        device->available.ring[(uint16_t)(first + i) % QUEUE_SIZE] = (uint16_t)(2 * i);
    }
    device->made_available += COUNT - 1;
    device_submit(device, 2 * (COUNT - 1));
    if (!device_wait(device))
        return (uint64_t)-1;
    uint64_t acknowledged = 0;
    for (uint16_t i = 0; i < COUNT; i++) {
        uint32_t used = *(volatile uint32_t *)&device->used.ring[(uint16_t)(first + i) % QUEUE_SIZE].descriptor;
        acknowledged += used == 2u * i && *(volatile uint16_t *)&responses[i].type == ACK;
    }
    return acknowledged;
}

static uint64_t indirect(struct memory_device *device, uint64_t table, uint64_t bytes) {
    device->descriptors[0] = (struct virtq_descriptor){table, (uint32_t)bytes, DESCRIPTOR_INDIRECT, 0};
    return finish_chain(device);
}

static void rings(struct memory_device *device, uint64_t descriptors, uint64_t available, uint64_t used) {
    device_start_with_rings(
        device, 0, FEATURE_UNPLUGGED_INACCESSIBLE, descriptors ? descriptors : (uint64_t)device->descriptors,
        available ? available : (uint64_t)&device->available, used ? used : (uint64_t)&device->used);
    device->request = (struct memory_device_request){.type = STATE, .address = parameters[0], .count = 1};
    device->descriptors[0] = (struct virtq_descriptor){(uint64_t)&device->request, 24, DESCRIPTOR_NEXT, 1};
    device->descriptors[1] = (struct virtq_descriptor){(uint64_t)&device->response, 10, DESCRIPTOR_WRITE, 0};
    device_submit(device, 0);
}

static uint64_t do_start_timer(void *argument) {
    struct command *command = argument;
    start_timer((uint32_t)command->a);
    return 0;
}

static void trap_with_stack(uint64_t stack) {
    use_own_stack(6);
    __asm__ volatile("movq %0, %%rsp\n ud2" : : "r"(stack) : "memory");
}

static void spoil(struct memory_device *device, uint64_t *random, uint64_t target) {
    const uint64_t bases[] = {
        (uint64_t)&device->request, (uint64_t)&device->response, (uint64_t)device->descriptors, target,
        target - 8, (uint64_t)-16, 0xD0000000, (uint64_t)&device->used,
    };
    static const uint32_t lengths[] = {0, 1, 10, 24, 4096, 0x7FFFFFFF, 0xFFFFFFFF};
    for (unsigned i = 0; i < QUEUE_SIZE; i++) {
        uint64_t dice = next_random(random);
        struct virtq_descriptor *descriptor = &device->descriptors[i];
        descriptor->address = bases[dice & 7] + (dice >> 3 & 15);
        descriptor->length = dice >> 8 & 1 ? lengths[(dice >> 9 & 0xFF) % 7] : (uint32_t)(dice >> 9 & 63);
        descriptor->flags = dice >> 20 & 7;
        descriptor->next = dice >> 24 & 15;
    }
    // The others are as they should be now and then, so that something gets further than the first check.
    uint64_t dice = next_random(random);
    if (dice & 1) {
        device->descriptors[0] = (struct virtq_descriptor){(uint64_t)&device->request, 24, DESCRIPTOR_NEXT, 1};
        // Seldom one that does something: that takes the host's time.
        device->request.type = dice >> 32 & 0x3F;
        device->request.address = target + ((dice >> 4 & 15) << 20);
        device->request.count = (uint16_t)(dice >> 8 & 0xFF);
    }
    if (dice & 1 << 16)
        device->descriptors[1] = (struct virtq_descriptor){(uint64_t)&device->response, 10, DESCRIPTOR_WRITE, 0};
}

/// Returns how many of the chains were used; the others needed a reset of the device.
static uint64_t random_chains(struct memory_device *device, uint64_t count, uint64_t seed, uint64_t target) {
    uint64_t random = seed | 1, used = 0;
    for (uint64_t i = 0; i < count; i++) {
        spoil(device, &random, target);
        uint64_t dice = next_random(&random);
        if (!(dice & 0x1F00))
            device->made_available += dice & 15;
        device_submit(device, dice & 0xE0 ? 0 : (uint16_t)(dice & 15));
        bool is_done = false;
        for (unsigned round = 0; !is_done; round++) {
            is_done = *(volatile uint16_t *)&device->used.index == device->made_available;
            if (!is_done && round % 256 == 255 && device_read(device, REGISTER_STATUS) & STATUS_NEEDS_RESET)
                break;
            // A response may have gone to the used ring.
            if (round == 20000)
                break;
            __asm__ volatile("pause");
        }
        used += is_done;
        if (!is_done)
            device_start(device, 0, FEATURE_UNPLUGGED_INACCESSIBLE);
    }
    return used;
}

static uint64_t words(uint64_t address, uint64_t count, uint64_t value, bool are_stored) {
    uint64_t different = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (are_stored)
            store64(address + 8 * i, value);
        else
            different += load64(address + 8 * i) != value;
    }
    return different;
}

static void serve_mailbox(void);
static void serve_mailbox_user(void) { enter_user(serve_mailbox); }

static void execute(void *argument) {
    struct work *work = argument;
    struct command *command = &work->command;
    uint64_t a = command->a, b = command->b, c = command->c;
    switch ((enum operation)command->operation) {
    case LOAD: work->value = load(a, b); break;
    case STORE: store(a, b, c); break;
    case ADD: add(a, b, c); break;
    case COPY: copy(a, b, c); break;
    case COMPARE: work->value = compare(a, b); break;
    case CALL: ((void (*)(void))a)(); break;
    case PUSH: push_at(a); break;
    case POP: work->value = pop_at(a); break;
    case WORDS: work->value = words(a, b, c, true); break;
    case FIND: work->value = words(a, b, c, false); break;
    case MAP:
    case MAP_TABLE: privileged(do_map, command); break;
    case START_DEVICE:
        devices[a].queue = (uint16_t)c;
        work->value = device_start(&devices[a], (unsigned)a, (uint32_t)b);
        break;
    case RINGS: rings(&devices[0], a, b, c); break;
    case REQUEST: work->value = (uint64_t)device_request(&devices[a >> 16], (uint16_t)a, b, (uint16_t)c); break;
    case CHAIN: work->value = chain(&devices[c], a, b); break;
    case INDIRECT: work->value = indirect(&devices[0], a, b); break;
    case RANDOM_CHAINS: work->value = random_chains(&devices[0], a, b, c); break;
    case STATUS: work->value = device_read(&devices[0], REGISTER_STATUS); break;
    case START_CPU: start_cpu((unsigned)a, parameters[1] ? serve_mailbox_user : serve_mailbox); break;
    case COUNT: work->value = mailboxes[a].count; break;
    case RESET_DEVICE: device_write(&devices[0], REGISTER_STATUS, 0); break;
    case TRAP: trap_with_stack(a); break;
    case VECTOR: work->value = vector(a); break;
    case WRITE_MSR:
        __asm__ volatile("wrmsr" : : "c"((uint32_t)a), "a"((uint32_t)b), "d"((uint32_t)(b >> 32)) : "memory");
        break;
    case TIMER:
        privileged(do_start_timer, command);
        __asm__ volatile("sti");
        break;
    case TIMER_COUNT: work->value = timer_count; break;
    case FILL_QUEUE: work->value = fill_queue(&devices[0], (uint16_t)a, b, (uint16_t)c); break;
    case COLLECT:
    case USER: break;
    }
}

static struct reply perform(const struct command *command) {
    struct work work = {.command = *command};
    struct reply reply = {.done = 1};
    if (guarded_call(execute, &work)) {
        reply.trap = (uint32_t)this_cpu()->vector + 1;
        reply.cr2 = this_cpu()->cr2;
    }
    reply.value = work.value;
    return reply;
}

static void serve_mailbox(void) {
    uint64_t number = this_cpu()->number;
    while (true) {
        if (mailboxes[number].is_posted) {
            mailboxes[number].reply = perform(&mailboxes[number].command);
            __asm__ volatile("" ::: "memory");
            mailboxes[number].is_posted = false;
        }
        mailboxes[number].count++;
        __asm__ volatile("pause");
    }
}

static void serve(void) {
    while (true) {
        struct command command;
        get(&command, sizeof command);
        struct reply reply;
        if (command.operation == USER) {
            reply = (struct reply){.done = 1};
            put(&reply, sizeof reply);
            enter_user(serve);
        } else if (command.operation == COLLECT) {
            reply = mailboxes[command.a].reply;
            reply.done = !mailboxes[command.a].is_posted;
        } else if (command.cpu) {
            mailboxes[command.cpu].command = command;
            __asm__ volatile("" ::: "memory");
            mailboxes[command.cpu].is_posted = true;
            continue;
        } else {
            reply = perform(&command);
        }
        put(&reply, sizeof reply);
    }
}

/// Parameters: 0 is where the first region is, 1 is whether to run at CPL 3.
void guest_main(void) {
    if (parameters[1])
        enter_user(serve);
    serve();
}
