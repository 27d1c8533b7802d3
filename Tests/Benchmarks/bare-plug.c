// The least that plugging and unplugging costs: a virtual machine whose guest (Guests/plugger.c) asks for it as a driver
// of a memory device would, and a loop that makes the necessary calls and no others. It trusts its guest, and has
// neither queues nor registers nor a record of what is plugged.
#define _GNU_SOURCE
#include "bare-plug.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAM_SIZE = 128 << 20, IMAGE = 0x100000, TABLES = 0x9000, INTERRUPT = 16, MAINTENANCE_DELAY = 500 };
// KVM_X86_QUIRK_SLOT_ZAP_ALL, which kernel headers have from 6.12.
enum { SLOT_ZAP_ALL = 1 << 7 };

static int kvm, vm, vcpu;
static unsigned char *ram, *region;
static int notification, interrupt;
static bool is_live[BARE_BLOCKS / BARE_SLOT_BLOCKS];
static unsigned plugged[BARE_BLOCKS / BARE_SLOT_BLOCKS];

static void check(bool is_good, const char *what) {
    if (!is_good) {
        perror(what);
        exit(2);
    }
}

static void set_slot(unsigned slot, uint64_t address, uint64_t size, void *memory) {
    struct kvm_userspace_memory_region area = {
        .slot = slot, .guest_phys_addr = address, .memory_size = size, .userspace_addr = (uint64_t)memory};
    check(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &area) == 0, "KVM_SET_USER_MEMORY_REGION");
}

static void set_region_slot(unsigned index, bool live) {
    uint64_t size = BARE_SLOT_BLOCKS * BARE_BLOCK;
    set_slot(1 + index, BARE_REGION + index * size, live ? size : 0, region + index * size);
    is_live[index] = live;
}

static void make_region(void) {
    uint64_t size = BARE_BLOCKS * BARE_BLOCK, alignment = 1 << 30;
    unsigned char *start = mmap(
        NULL, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    check(start != MAP_FAILED, "mmap");
    region = (unsigned char *)(((uint64_t)start + alignment - 1) & -alignment);
    madvise(region, size, MADV_DONTDUMP);
    madvise(region, size, MADV_HUGEPAGE);
    *(volatile char *)region = 0;
    madvise(region, size, MADV_DONTNEED);
    check(mprotect(region, size, PROT_NONE) == 0, "mprotect");
}

static void make_machine(void) {
    kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    check(kvm >= 0, "/dev/kvm");
    vm = ioctl(kvm, KVM_CREATE_VM, 0);
    check(vm >= 0, "KVM_CREATE_VM");
    // A slot that goes takes its own page tables with it, and not all of the guest's, which would fault them in again.
    struct kvm_enable_cap quirks = {.cap = KVM_CAP_DISABLE_QUIRKS2, .args = {SLOT_ZAP_ALL}};
    if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_DISABLE_QUIRKS2) & SLOT_ZAP_ALL)
        check(ioctl(vm, KVM_ENABLE_CAP, &quirks) == 0, "KVM_CAP_DISABLE_QUIRKS2");
    uint64_t identity_map = 0xFFFBC000;
    ioctl(vm, KVM_SET_TSS_ADDR, 0xFFFBD000);
    ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
    check(ioctl(vm, KVM_CREATE_IRQCHIP, 0) == 0, "KVM_CREATE_IRQCHIP");
    ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    check(ram != MAP_FAILED, "mmap");
    set_slot(0, 0, RAM_SIZE, ram);
    notification = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct kvm_ioeventfd notify = {
        .addr = BARE_NOTIFY, .len = 4, .fd = notification, .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};
    check(ioctl(vm, KVM_IOEVENTFD, &notify) == 0, "KVM_IOEVENTFD");
    struct kvm_irqfd line = {.fd = (uint32_t)interrupt, .gsi = INTERRUPT};
    check(ioctl(vm, KVM_IRQFD, &line) == 0, "KVM_IRQFD");
}

static void load_image(const char *path) {
    int file = open(path, O_RDONLY);
    check(file >= 0, path);
    ssize_t count = read(file, ram + IMAGE, RAM_SIZE - IMAGE);
    check(count > 0, path);
    close(file);
}

static struct kvm_segment segment(uint16_t selector, uint8_t type, bool is_code) {
    return (struct kvm_segment){
        .limit = 0xFFFFFFFF, .selector = selector, .type = type, .present = 1, .s = 1, .l = is_code, .db = !is_code,
        .g = 1};
}

/// Long mode, the first 4 GiB mapped to themselves, interrupts off: as Linux is entered.
static void make_vcpu(void) {
    vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
    check(vcpu >= 0, "KVM_CREATE_VCPU");
    struct kvm_cpuid2 *cpuid = calloc(1, sizeof *cpuid + 256 * sizeof cpuid->entries[0]);
    check(cpuid != NULL, "calloc");
    cpuid->nent = 256;
    check(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid) == 0, "KVM_GET_SUPPORTED_CPUID");
    check(ioctl(vcpu, KVM_SET_CPUID2, cpuid) == 0, "KVM_SET_CPUID2");
    free(cpuid);
    uint64_t *tables = (uint64_t *)(ram + TABLES);
    tables[0] = (TABLES + 0x1000) | 3;
    for (uint64_t i = 0; i < 4; i++)
        tables[512 + i] = (TABLES + 0x2000 + i * 0x1000) | 3;
    for (uint64_t i = 0; i < 2048; i++)
        tables[1024 + i] = i << 21 | 0x83;
    struct kvm_sregs special;
    check(ioctl(vcpu, KVM_GET_SREGS, &special) == 0, "KVM_GET_SREGS");
    special.cs = segment(0x10, 11, true);
    special.ds = special.es = special.fs = special.gs = special.ss = segment(0x18, 3, false);
    special.cr3 = TABLES;
    special.cr4 = 0x20;
    special.cr0 = 0x80000033;
    special.efer = 0x500;
    check(ioctl(vcpu, KVM_SET_SREGS, &special) == 0, "KVM_SET_SREGS");
    struct kvm_regs registers = {.rip = IMAGE, .rflags = 2, .rsp = TABLES};
    check(ioctl(vcpu, KVM_SET_REGS, &registers) == 0, "KVM_SET_REGS");
}

/// The serial port and the power switch; the vCPU's thread waits for input itself.
static void serve_port(struct kvm_run *run) {
    unsigned char *data = (unsigned char *)run + run->io.data_offset;
    if (run->io.direction == KVM_EXIT_IO_OUT) {
        if (run->io.port == 0x600)
            exit(0);
        if (run->io.port == 0x3F8)
            check(write(STDOUT_FILENO, data, 1) == 1, "write");
    } else if (run->io.port == 0x3F8) {
        check(read(STDIN_FILENO, data, 1) == 1, "read");
    } else {
        *data = 0x61;
    }
}

static void *run_vcpu(void *argument) {
    int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
    struct kvm_run *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
    check(run != MAP_FAILED, "mmap");
    while (true) {
        check(ioctl(vcpu, KVM_RUN, 0) == 0 || errno == EINTR, "KVM_RUN");
        if (run->exit_reason == KVM_EXIT_IO) {
            serve_port(run);
        } else if (run->exit_reason != KVM_EXIT_MMIO && run->exit_reason != KVM_EXIT_INTR) {
            fprintf(stderr, "exit %u\n", run->exit_reason);
            exit(2);
        }
    }
    return argument;
}

static void plug(uint64_t block, uint64_t count) {
    check(mprotect(region + block * BARE_BLOCK, count * BARE_BLOCK, PROT_READ | PROT_WRITE) == 0, "mprotect");
    for (uint64_t i = block / BARE_SLOT_BLOCKS; i <= (block + count - 1) / BARE_SLOT_BLOCKS; i++) {
        if (!is_live[i])
            set_region_slot((unsigned)i, true);
    }
    for (uint64_t i = block; i < block + count; i++)
        plugged[i / BARE_SLOT_BLOCKS]++;
}

static void unplug(uint64_t block, uint64_t count) {
    check(mprotect(region + block * BARE_BLOCK, count * BARE_BLOCK, PROT_NONE) == 0, "mprotect");
    check(madvise(region + block * BARE_BLOCK, count * BARE_BLOCK, MADV_DONTNEED) == 0, "madvise");
    for (uint64_t i = block; i < block + count; i++)
        plugged[i / BARE_SLOT_BLOCKS]--;
}

/// Slots without a plugged block go when nothing was asked for half a second.
static bool needs_maintenance(void) {
    for (unsigned i = 0; i < BARE_BLOCKS / BARE_SLOT_BLOCKS; i++) {
        if (is_live[i] && !plugged[i])
            return true;
    }
    return false;
}

static void maintain(void) {
    for (unsigned i = 0; i < BARE_BLOCKS / BARE_SLOT_BLOCKS; i++) {
        if (is_live[i] && !plugged[i])
            set_region_slot(i, false);
    }
}

int main(int count, char **arguments) {
    if (count != 2) {
        fprintf(stderr, "usage: bare-plug IMAGE\n");
        return 64;
    }
    make_machine();
    make_region();
    load_image(arguments[1]);
    make_vcpu();
    pthread_t thread;
    check(pthread_create(&thread, NULL, run_vcpu, NULL) == 0, "pthread_create");
    pthread_setname_np(thread, "vcpu0");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN};
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, notification, &wanted) == 0, "epoll_ctl");
    volatile struct bare_request *request = (void *)(ram + BARE_REQUEST);
    while (true) {
        struct epoll_event ready;
        int found = epoll_wait(epoll, &ready, 1, needs_maintenance() ? MAINTENANCE_DELAY : -1);
        if (found == 0)
            maintain();
        if (found <= 0)
            continue;
        uint64_t number = 1;
        check(read(notification, &number, 8) == 8, "read");
        request->type == 0 ? plug(request->block, request->count) : unplug(request->block, request->count);
        __atomic_store_n(&request->done, request->done + 1, __ATOMIC_RELEASE);
        number = 1;
        check(write(interrupt, &number, 8) == 8, "write");
    }
}
