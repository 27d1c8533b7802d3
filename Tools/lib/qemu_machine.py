"""QEMU as users would have it who want small guests."""

# As its documentation has it for guests that boot fast, and without devices that nobody asked for.
MICROVM = ["-M", "microvm,acpi=on,pit=off,pic=off,rtc=on"]
NOTHING_MORE = ["-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none"]


def microvm(kernel, initrd, command_line, memory="256M", program="qemu-system-x86_64"):
    """The command line of a guest with one vCPU, whose serial port is the process's own input and output."""
    return [
        program, *MICROVM, "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", memory, "-kernel", kernel,
        "-initrd", initrd, "-append", command_line, *NOTHING_MORE, "-serial", "stdio"]
