#define _GNU_SOURCE
#include "cguest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
// Behind <sys/socket.h>, which it needs.
#include <linux/vm_sockets.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/// Whether the guest has a vsock device: without one, its identifier is none.
static int check_device(void) {
    int device = open("/dev/vsock", O_RDONLY | O_CLOEXEC);
    if (device < 0)
        return -errno;
    unsigned int cid = VMADDR_CID_ANY;
    int result = ioctl(device, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) < 0 ? -errno : 0;
    close(device);
    return result < 0 ? result : cid == VMADDR_CID_ANY ? -ENODEV : 0;
}

int cg_listen_vsock(uint32_t port) {
    int missing = check_device();
    if (missing < 0)
        return missing;
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return -errno;
    struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, SOMAXCONN) < 0) {
        int error = errno;
        close(listener);
        return -error;
    }
    return listener;
}

bool cg_comes_from_host(int connection) {
    struct sockaddr_vm address;
    socklen_t size = sizeof address;
    return getpeername(connection, (struct sockaddr *)&address, &size) == 0 && address.svm_family == AF_VSOCK &&
           address.svm_cid == VMADDR_CID_HOST;
}

int cg_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
    return mount(source, target, type, flags, options) < 0 ? -errno : 0;
}

int cg_unmount(const char *target) {
    return umount2(target, UMOUNT_NOFOLLOW) < 0 ? -errno : 0;
}

int cg_load_module(const char *path) {
    int module = open(path, O_RDONLY | O_CLOEXEC);
    if (module < 0)
        return -errno;
    int error = syscall(SYS_finit_module, module, "", 0) < 0 && errno != EEXIST ? errno : 0;
    close(module);
    return -error;
}

int cg_open_power_button(const char *path) {
    int device = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (device < 0)
        return -errno;
    unsigned char keys[KEY_MAX / 8 + 1] = {0};
    if (ioctl(device, EVIOCGBIT(EV_KEY, sizeof keys), keys) >= 0 && (keys[KEY_POWER / 8] & 1 << KEY_POWER % 8))
        return device;
    close(device);
    return -ENODEV;
}

bool cg_is_power_button_pressed(int device) {
    struct input_event event;
    bool is_pressed = false;
    while (read(device, &event, sizeof event) == sizeof event)
        is_pressed |= event.type == EV_KEY && event.code == KEY_POWER && event.value == 1;
    return is_pressed;
}

int cg_end_machine(int ending) {
    sync();
    int how = ending == CG_POWER_OFF ? RB_POWER_OFF : ending == CG_REBOOT ? RB_AUTOBOOT : RB_HALT_SYSTEM;
    return reboot(how) < 0 ? -errno : 0;
}

void cg_disable_abrupt_reset(void) {
    reboot(RB_DISABLE_CAD);
}

const char *cg_kernel_release(void) {
    static struct utsname names;
    return uname(&names) < 0 ? "" : names.release;
}
