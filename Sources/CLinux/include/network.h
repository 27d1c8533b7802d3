#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

// What network devices are made of: taps (kernel: Documentation/networking/tuntap.rst) and vhost. A negated errno, or
// what is said.

/// readv(2): bytes read.
ssize_t cl_readv(int descriptor, const struct iovec *vectors, int count);

/// writev(2): bytes written.
ssize_t cl_writev(int descriptor, const struct iovec *vectors, int count);

/// The bytes of an interface's name, with the zero at its end (IFNAMSIZ).
enum { CL_INTERFACE_NAME = 16 };

/// Flags of a tap (linux/if_tun.h).
enum {
    CL_IFF_TAP = 0x0002,
    CL_IFF_MULTI_QUEUE = 0x0100,
    CL_IFF_DETACH_QUEUE = 0x0400,
    CL_IFF_NO_PI = 0x1000,
    CL_IFF_VNET_HDR = 0x4000,
};

/// What whoever reads a tap can do with frames (TUNSETOFFLOAD).
enum {
    CL_TUN_F_CSUM = 0x01,
    CL_TUN_F_TSO4 = 0x02,
    CL_TUN_F_TSO6 = 0x04,
    CL_TUN_F_TSO_ECN = 0x08,
    CL_TUN_F_UFO = 0x10,
    CL_TUN_F_USO4 = 0x20,
    CL_TUN_F_USO6 = 0x40,
};

/// Whether the network namespace has an interface of that name.
bool cl_has_interface(const char *name);

/// Whether an interface is up; -ENODEV where there is none.
int cl_is_interface_up(const char *name);

/// Opens a queue of a tap, non-blocking and close-on-exec, with virtio's headers. Where there is no interface of that
/// name, it makes one. Its descriptor.
int cl_open_tap(const char *name, bool several_queues);

/// The flags and the name of the tap that a descriptor is a queue of. -EBADFD where it is none.
int cl_tap_flags(int descriptor, unsigned int *flags, char name[CL_INTERFACE_NAME]);

/// The length of the header before each frame, whose fields are little-endian.
int cl_set_tap_header(int descriptor, int length);

/// TUNSETOFFLOAD.
int cl_set_tap_offloads(int descriptor, unsigned int flags);

/// Whether the host spreads frames to this queue, and lets it send (TUNSETQUEUE).
int cl_enable_tap_queue(int descriptor, bool enabled);

/// A piece of guest memory, for vhost.
struct cl_vhost_region {
    uint64_t guest_address;
    uint64_t size;
    uint64_t host_address;
};

/// A virtqueue, for vhost: addresses are the process's, the others descriptors of events.
struct cl_vhost_ring {
    unsigned int index;
    unsigned int size;
    /// How many chains were taken from it.
    unsigned int base;
    uint64_t descriptors;
    uint64_t available;
    uint64_t used;
    int kick;
    int call;
    int error;
};

/// VHOST_SET_OWNER: the kernel works with this process's memory from now on.
int cl_vhost_set_owner(int descriptor);

int cl_vhost_get_features(int descriptor, uint64_t *features);
int cl_vhost_set_features(int descriptor, uint64_t features);

/// VHOST_SET_MEM_TABLE. -E2BIG for more regions than the kernel takes.
int cl_vhost_set_memory(int descriptor, const struct cl_vhost_region *regions, unsigned int count);

/// Describes a queue.
int cl_vhost_set_ring(int descriptor, const struct cl_vhost_ring *ring);

/// VHOST_NET_SET_BACKEND: the kernel serves a queue with a tap; with -1 it stops, and has stopped on return.
int cl_vhost_set_backend(int descriptor, unsigned int index, int tap);

/// How many chains were taken from a queue that is stopped.
int cl_vhost_get_base(int descriptor, unsigned int index);
