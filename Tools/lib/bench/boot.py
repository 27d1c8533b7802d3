"""A boot of an unmodified Linux, in turns: time, VM exits by kind and the part of the time that the guest had, from exec
until the guest's init writes to port 0xE9; and when its shell is there the time, and the memory of the process beside the
guest's.

Where an emulated processor refuses the guest's init that port, as it does behind the firmware of QEMU's q35, what lies
before init can't be told from what lies behind it, and is not."""

import collections
import contextlib
import os
import re
import select
import signal
import subprocess
import tempfile
import time

from bench.clean_memory import clean_memory
from bench.figures import SWIFTLET, BenchError, Figure, in_turn
from bench.machines import BIN, MICROVM_NAME, Q35_NAME
from bench.memory import beside_guest
from bench.tracing import traced
from qemu_machine import NOTHING_MORE, microvm
from script import start
from session import guest_directory

NAME = "boot"
ABOUT = "from exec to the guest's init: time, VM exits by kind, memory"
IS_INSIDE = True
HOST_MEMORY = "6G"
# Swiftlet's own, which all are given.
COMMAND_LINE = (
    "console=ttyS0 panic=-1 quiet loglevel=1 pci=off 8250.nr_uarts=1 cryptomgr.notests noreplace-smp swiotlb=noforce"
    " memhp_default_state=online_movable")
READY = b"swiftlet guest ready"
# Seconds.
DEADLINE = 300
MOST_KINDS = 4
MIB = 1 << 20
EVENTS = {"kvm/kvm_exit": None, "kvm/kvm_entry": None, "kvm/kvm_userspace_exit": None, "kvm/kvm_pio": "port == 0xe9"}
TRACE_KILOBYTES = 65536


def programs(kernel):
    guest = guest_directory(kernel)
    image, initrd = os.path.join(guest, "vmlinuz"), os.path.join(guest, "initrd")
    return {
        SWIFTLET: [
            os.path.join(BIN, "swiftlet"), "run", "--memory", "128M", "--kernel", image, "--initrd", initrd,
            "--no-default-cmdline", "--cmdline", COMMAND_LINE],
        MICROVM_NAME: microvm(image, initrd, COMMAND_LINE, memory="128M"),
        Q35_NAME: [
            "qemu-system-x86_64", "-M", "q35", "-accel", "kvm", "-cpu", "host", "-smp", "1", "-m", "128M",
            "-kernel", image, "-initrd", initrd, "-append", COMMAND_LINE, *NOTHING_MORE, "-serial", "stdio"],
    }


def read_trace(lines, started):
    """Seconds to the guest's first instruction; seconds to the marker, seconds of them in the guest, exits by kind and
    those to user space, or None without a marker."""
    kinds, userspace, first, entered, inside = collections.Counter(), 0, None, None, 0.0
    event = re.compile(r"\s(\d+\.\d+): (\w+):(?:.*?\breason (\S+))?")
    for line in lines:
        match = event.search(line)
        if not match:
            continue
        moment, name, reason = float(match[1]), match[2], match[3]
        if name == "kvm_pio":
            return first, (moment - started, inside, kinds, userspace)
        if name == "kvm_entry":
            entered = moment
            first = moment - started if first is None else first
        elif name == "kvm_exit":
            kinds[reason] += 1
            inside += moment - entered if entered is not None else 0
            entered = None
        elif name == "kvm_userspace_exit":
            userspace += 1
    if first is None:
        raise BenchError("no guest was seen to be entered")
    return first, None


def wait_until_ready(process):
    output = b""
    deadline = time.monotonic() + DEADLINE
    while READY not in output:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        data = os.read(process.stdout.fileno(), 65536) if ready else b""
        output += data
        if not data:
            raise BenchError("the guest did not boot: " + output[-1000:].decode(errors="replace"))


@contextlib.contextmanager
def running(command, errors):
    process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdin.close()
        process.stdout.close()


def boot(command):
    """What `read_trace` tells, with seconds until the shell is there, and bytes beside the guest's memory."""
    clean_memory()
    with tempfile.TemporaryFile() as errors, contextlib.ExitStack() as stack:
        try:
            with traced(EVENTS, kilobytes=TRACE_KILOBYTES) as lines:
                started = time.monotonic()
                process = stack.enter_context(running(command, errors))
                wait_until_ready(process)
                ready = time.monotonic() - started
            return *read_trace(lines, started), ready, beside_guest(process.pid, 1)[0]
        except BenchError as error:
            errors.seek(0)
            raise BenchError(f"{error}\n{errors.read().decode(errors='replace')}") from None


def measure_kernel(kernel, rounds):
    case = {"kernel": kernel}
    entry = Figure(NAME, "time from exec to the guest's first instruction", "seconds", case)
    # The guest's own part alone is more than half of QEMU's time.
    seconds = Figure(
        NAME, "time from exec to init", "seconds", case, ratios={MICROVM_NAME: 0.9}, aims={MICROVM_NAME: 0.5})
    share = Figure(NAME, "part of it that is the guest's", "share", case)
    userspace = Figure(NAME, "VM exits to user space until init", "count", case, 100, {MICROVM_NAME: 0.1})
    exits = Figure(NAME, "VM exits until init", "count", case, ratios={MICROVM_NAME: 0.75})
    shell = Figure(NAME, "time from exec to the guest's shell", "seconds", case)
    memory = Figure(NAME, "PSS beside the guest's memory", "bytes", case, 5 * MIB)
    by_kind = []
    # All once unmeasured: files are then in memory, and Swiftlet has unpacked the kernel, which it does once.
    for command in programs(kernel).values():
        boot(command)
    for number in range(rounds):
        for name, command in in_turn(programs(kernel).items(), number):
            first, until_init, ready, pss = boot(command)
            entry.add(name, first)
            shell.add(name, ready)
            memory.add(name, pss)
            if until_init is None:
                continue
            elapsed, inside, kinds, to_user = until_init
            for figure, value in (
                    (seconds, elapsed), (share, inside / elapsed), (userspace, to_user), (exits, sum(kinds.values()))):
                figure.add(name, value)
            by_kind.append((name, kinds))
    if not seconds.values:
        raise BenchError("no guest's init was seen to write to port 0xE9")
    return [entry, seconds, share, shell, exits, userspace, *kind_figures(by_kind, case), memory]


def kind_figures(by_kind, case):
    """Figures of the kinds of exits that are most frequent in any program."""
    total = collections.Counter()
    for _, kinds in by_kind:
        total.update(kinds)
    figures = []
    for kind, _ in total.most_common(MOST_KINDS):
        figure = Figure(NAME, f"VM exits until init by {kind}", "count", case)
        for name, kinds in by_kind:
            figure.add(name, kinds[kind])
        figures.append(figure)
    return figures


def measure(rounds, kernels):
    return [figure for kernel in kernels for figure in measure_kernel(kernel, rounds)]
