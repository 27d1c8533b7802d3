#define _GNU_SOURCE

#include "network.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/vhost.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

_Static_assert(CL_INTERFACE_NAME == IFNAMSIZ, "IFNAMSIZ");
_Static_assert(CL_IFF_TAP == IFF_TAP && CL_IFF_MULTI_QUEUE == IFF_MULTI_QUEUE, "flags of taps");
_Static_assert(CL_IFF_DETACH_QUEUE == IFF_DETACH_QUEUE, "IFF_DETACH_QUEUE");
_Static_assert(CL_IFF_NO_PI == IFF_NO_PI && CL_IFF_VNET_HDR == IFF_VNET_HDR, "flags of taps");
_Static_assert(CL_TUN_F_CSUM == TUN_F_CSUM && CL_TUN_F_TSO4 == TUN_F_TSO4, "offloads");
_Static_assert(CL_TUN_F_TSO6 == TUN_F_TSO6 && CL_TUN_F_TSO_ECN == TUN_F_TSO_ECN, "offloads");
_Static_assert(CL_TUN_F_UFO == TUN_F_UFO, "offloads");

static int result_of(int value) {
    return value < 0 ? -errno : 0;
}

ssize_t cl_readv(int descriptor, const struct iovec *vectors, int count) {
    ssize_t result = readv(descriptor, vectors, count);
    return result < 0 ? -errno : result;
}

ssize_t cl_writev(int descriptor, const struct iovec *vectors, int count) {
    ssize_t result = writev(descriptor, vectors, count);
    return result < 0 ? -errno : result;
}

bool cl_has_interface(const char *name) {
    return if_nametoindex(name) != 0;
}

int cl_is_interface_up(const char *name) {
    int question = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (question < 0)
        return -errno;
    struct ifreq request = {0};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    int result = result_of(ioctl(question, SIOCGIFFLAGS, &request));
    close(question);
    return result < 0 ? result : (request.ifr_flags & IFF_UP) != 0;
}

int cl_open_tap(const char *name, bool several_queues) {
    int descriptor = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    if (several_queues)
        request.ifr_flags |= IFF_MULTI_QUEUE;
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(descriptor, TUNSETIFF, &request) == 0)
        return descriptor;
    int error = errno;
    close(descriptor);
    return -error;
}

int cl_tap_flags(int descriptor, unsigned int *flags, char name[CL_INTERFACE_NAME]) {
    struct ifreq request = {0};
    int result = result_of(ioctl(descriptor, TUNGETIFF, &request));
    if (result < 0)
        return result;
    *flags = (unsigned short)request.ifr_flags;
    memcpy(name, request.ifr_name, CL_INTERFACE_NAME);
    name[CL_INTERFACE_NAME - 1] = '\0';
    return 0;
}

int cl_set_tap_header(int descriptor, int length) {
    int little_endian = 1;
    int result = result_of(ioctl(descriptor, TUNSETVNETHDRSZ, &length));
    return result < 0 ? result : result_of(ioctl(descriptor, TUNSETVNETLE, &little_endian));
}

int cl_set_tap_offloads(int descriptor, unsigned int flags) {
    return result_of(ioctl(descriptor, TUNSETOFFLOAD, (unsigned long)flags));
}

int cl_enable_tap_queue(int descriptor, bool enabled) {
    struct ifreq request = {.ifr_flags = enabled ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};
    return result_of(ioctl(descriptor, TUNSETQUEUE, &request));
}

int cl_vhost_set_owner(int descriptor) {
    return result_of(ioctl(descriptor, VHOST_SET_OWNER, NULL));
}

int cl_vhost_get_features(int descriptor, uint64_t *features) {
    __u64 value = 0;
    int result = result_of(ioctl(descriptor, VHOST_GET_FEATURES, &value));
    *features = value;
    return result;
}

int cl_vhost_set_features(int descriptor, uint64_t features) {
    __u64 value = features;
    return result_of(ioctl(descriptor, VHOST_SET_FEATURES, &value));
}

int cl_vhost_set_memory(int descriptor, const struct cl_vhost_region *regions, unsigned int count) {
    struct vhost_memory *table = calloc(1, sizeof *table + count * sizeof table->regions[0]);
    if (!table)
        return -ENOMEM;
    table->nregions = count;
    for (unsigned int index = 0; index < count; index++)
        table->regions[index] = (struct vhost_memory_region){
            .guest_phys_addr = regions[index].guest_address, .memory_size = regions[index].size,
            .userspace_addr = regions[index].host_address};
    int result = result_of(ioctl(descriptor, VHOST_SET_MEM_TABLE, table));
    free(table);
    return result;
}

int cl_vhost_set_ring(int descriptor, const struct cl_vhost_ring *ring) {
    struct vhost_vring_state size = {.index = ring->index, .num = ring->size};
    struct vhost_vring_state base = {.index = ring->index, .num = ring->base};
    struct vhost_vring_addr address = {
        .index = ring->index, .desc_user_addr = ring->descriptors, .avail_user_addr = ring->available,
        .used_user_addr = ring->used};
    struct vhost_vring_file call = {.index = ring->index, .fd = ring->call};
    struct vhost_vring_file error = {.index = ring->index, .fd = ring->error};
    struct vhost_vring_file kick = {.index = ring->index, .fd = ring->kick};
    if (ioctl(descriptor, VHOST_SET_VRING_NUM, &size) < 0 || ioctl(descriptor, VHOST_SET_VRING_BASE, &base) < 0 ||
        ioctl(descriptor, VHOST_SET_VRING_ADDR, &address) < 0 || ioctl(descriptor, VHOST_SET_VRING_CALL, &call) < 0 ||
        ioctl(descriptor, VHOST_SET_VRING_ERR, &error) < 0 || ioctl(descriptor, VHOST_SET_VRING_KICK, &kick) < 0)
        return -errno;
    return 0;
}

int cl_vhost_set_backend(int descriptor, unsigned int index, int tap) {
    struct vhost_vring_file backend = {.index = index, .fd = tap};
    return result_of(ioctl(descriptor, VHOST_NET_SET_BACKEND, &backend));
}

int cl_vhost_get_base(int descriptor, unsigned int index) {
    struct vhost_vring_state state = {.index = index};
    int result = result_of(ioctl(descriptor, VHOST_GET_VRING_BASE, &state));
    return result < 0 ? result : (int)(state.num & 0xffff);
}
