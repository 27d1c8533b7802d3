"""QEMU as users would have it, and what its guests need."""

import os
import subprocess

from session import Session, cache_directory, guest_directory

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
# As its documentation has it for guests that boot fast, and without devices that nobody asked for.
MICROVM = ["-M", "microvm,acpi=on,pit=off,pic=off,rtc=on"]
NOTHING_MORE = ["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"]


def microvm(kernel, initrd, command_line, memory="256M", program="qemu-system-x86_64"):
    """The command line of a guest with one vCPU, whose serial port is the process's own input and output."""
    return [
        program, *MICROVM, "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", memory, "-kernel", kernel,
        "-initrd", initrd, "-append", command_line, *NOTHING_MORE, "-serial", "stdio"]


class Q35Session(Session):
    """A guest with one vCPU in QEMU's q35 machine, as Debian has it, with a monitor."""

    monitor_prompt = b"(qemu) "

    def __init__(self, memory, kernel, initrd, command_line, *devices):
        """memory is -m's, devices are further options."""
        super().__init__((memory, kernel, initrd, command_line, *devices), "qemu-system-x86_64")

    def command(self, arguments, program):
        memory, kernel, initrd, command_line, *devices = arguments
        return [
            program, "-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", memory, *devices,
            "-kernel", kernel, "-initrd", initrd, "-append", command_line, "-nodefaults", "-no-user-config",
            "-display", "none", "-serial", "stdio", "-monitor", f"unix:{self.socket_path},server=on,wait=off"]


def make_pci_initrd(kernel, directory, drivers=("virtio_mem",)):
    """The guest's initrd with drivers of devices on PCI, and no others, in a directory; returns its path."""
    packages = os.path.join(cache_directory(), "debs")
    with open(os.path.join(packages, f"{kernel}.package")) as record:
        package = os.path.join(packages, record.read().strip())
    root, extra = os.path.join(directory, "kernel"), os.path.join(directory, "extra")
    subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    modules = [word for name in ("virtio_pci", *drivers) for word in ("--module", name)]
    subprocess.run(
        [os.path.join(ROOT, "GuestImages/lib/initramfs.py"), extra, "--kernel", root, *modules], check=True)
    path = os.path.join(directory, "initrd")
    # Archives one behind the other are one: what comes later replaces what came before.
    with open(path, "wb") as initrd:
        for part in (os.path.join(guest_directory(kernel), "initrd"), extra):
            with open(part, "rb") as file:
                data = file.read()
            initrd.write(data + bytes(-len(data) % 512))
    return path
