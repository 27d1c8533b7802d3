"""How long memory takes to come and go, and what that costs the process outside the guest: beside QEMU's q35 with
virtio-mem-pci, of all of a device that nothing has used."""

import contextlib
import glob
import itertools
import os
import subprocess
import tempfile
import threading
import time

from bench.clean_memory import clean_memory
from bench.figures import SWIFTLET, Figure, in_turn
from bench.machines import BIN, Q35_NAME
from bench.memory import beside_guest
from bench.outside import time_outside
from bench.tracing import KVM_RUN, traced
from qemu_machine import Q35Session, make_pci_initrd
from session import Session, SessionError, guest_directory
from threads import thread_times

NAME = "resize"
ABOUT = "memory that comes and goes: time, processor time outside the guest, system calls, exits, resident memory"
IS_INSIDE = True
HOST_MEMORY = "14G"
GIB = 1 << 30
# (size, block size, init_on_alloc): with it on, the guest touches all that it gives back, block by block.
CASES = list(itertools.product((1, 8, 32), ("2M", "128M"), (1, 0)))
# Of memory that describes the rest, 64 bytes for each 4 KiB.
BOOT_MEMORY = {1: "512M", 8: "512M", 32: "1536M"}
# How often each is done in a machine: what is short varies more, above all the first time after a boot.
REPEATS = {1: 4, 8: 3, 32: 2}
CROWD = 16
PATIENCE = 600
POLL = 0.01
SAMPLE = 0.2
KVM_STATISTICS = "/sys/kernel/debug/kvm"


class SwiftletGuest(Session):
    """A guest under Swiftlet."""

    def __init__(self, kernel, words, size, block, memory):
        guest = guest_directory(kernel)
        super().__init__(
            ["--memory", memory, "--kernel", os.path.join(guest, "vmlinuz"), "--initrd", os.path.join(guest, "initrd"),
             "--no-default-cmdline", "--cmdline", f"{words} pci=off",
             "--virtio-mem", f"id=vm0,size={size}G,block-size={block}"], os.path.join(BIN, "swiftlet"))


class QEMUGuest(Q35Session):
    """The same under QEMU."""

    def __init__(self, kernel, words, size, block, memory):
        super().__init__(
            f"{memory},maxmem=64G", os.path.join(guest_directory(kernel), "vmlinuz"), initrds[kernel], words,
            "-name", "guest,debug-threads=on", "-object", f"memory-backend-ram,id=mem0,size={size}G,reserve=off",
            "-device", f"virtio-mem-pci,id=vm0,memdev=mem0,block-size={block}")


KINDS = {SWIFTLET: SwiftletGuest, Q35_NAME: QEMUGuest}
# The initramfs with drivers of PCI, by kernel.
initrds = {}


def command_line(zeroes):
    return (
        "console=ttyS0 panic=-1 quiet loglevel=1 8250.nr_uarts=1 swiotlb=noforce memhp_default_state=online_movable"
        f" init_on_alloc={zeroes}")


def exits():
    """VM exits of the only machine that runs."""
    total = 0
    for path in glob.glob(f"{KVM_STATISTICS}/*/exits"):
        with contextlib.suppress(OSError), open(path, encoding="ascii") as file:
            total += int(file.read())
    return total


@contextlib.contextmanager
def resident(session):
    """Yields a list that gets pairs of seconds and the bytes that the process has in memory then."""
    found, over, start = [], threading.Event(), time.monotonic()

    def look():
        found.append((round(time.monotonic() - start, 2), session.resident_kilobytes() << 10))

    def watch():
        while not over.wait(SAMPLE):
            look()

    look()
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()
        look()


def resize(session, size):
    """Seconds until the guest has it."""
    start = time.monotonic()
    session.monitor(f"qom-set vm0 requested-size {size}")
    session.wait_for_size("vm0", size, PATIENCE, POLL)
    return time.monotonic() - start


def resize_unseen(session, size, seconds):
    """The same without asking meanwhile, which would count as the process's own work, within so many seconds."""
    session.monitor(f"qom-set vm0 requested-size {size}")
    time.sleep(seconds)
    if session.plugged("vm0") != size:
        raise SessionError(f"{session.plugged('vm0')} bytes are plugged after {seconds:.0f} s, not {size}")


def cost(session, size, seconds):
    """Milliseconds of processor time outside the guest, and VM exits, of a resize."""
    before = exits()
    with time_outside(session.process.pid) as found:
        resize_unseen(session, size, seconds)
    return found[0], exits() - before


def count_calls(session, size, seconds):
    """System calls of all threads, but for KVM_RUN, which is an exit's."""
    threads = [number for number, _, _ in thread_times(session.process.pid)]
    with traced({"raw_syscalls/sys_enter": None}, threads) as lines:
        resize_unseen(session, size, seconds)
    return sum(KVM_RUN not in line for line in lines)


class Case:
    """The figures of one size, block size and setting."""

    def __init__(self, kernel, size, block, zeroes):
        self.kernel, self.size, self.block, self.zeroes = kernel, size, block, zeroes
        case = {"kernel": kernel, "GiB": size, "blocks": block, "init_on_alloc": zeroes}
        wanted = {"ratios": {Q35_NAME: 1.1}}
        self.plug = Figure(NAME, "plug", "seconds", case, **wanted)
        self.unplug = Figure(NAME, "unplug", "seconds", case, **wanted)
        own = {"ratios": {Q35_NAME: 1}} if size == 8 else {}
        self.processor = Figure(NAME, "processor time outside the guest, plug and unplug", "milliseconds", case, **own)
        self.calls = Figure(NAME, "system calls outside the guest, plug and unplug", "count", case)
        self.exits = Figure(NAME, "VM exits, plug and unplug", "count", case)
        self.peak = Figure(NAME, "most resident meanwhile", "bytes", case)
        self.rest = Figure(NAME, "resident afterwards", "bytes", case)

    @property
    def figures(self):
        return [self.plug, self.unplug, self.processor, self.calls, self.exits, self.peak, self.rest]

    def measure(self, name, counts):
        """counts: whether system calls are counted, too."""
        clean_memory()
        size = self.size * GIB
        memory = BOOT_MEMORY[self.size]
        with KINDS[name](self.kernel, command_line(self.zeroes), self.size, self.block, memory) as session:
            session.wait_until_ready(PATIENCE)
            with resident(session) as curve:
                times = [(resize(session, size), resize(session, 0)) for _ in range(REPEATS[self.size])]
            for plug, unplug in times:
                self.plug.add(name, plug)
                self.unplug.add(name, unplug)
            self.peak.add(name, max(value for _, value in curve))
            self.peak.curves.setdefault(name, curve)
            self.rest.add(name, curve[-1][1])
            # Twice what it took at most, and a second.
            waits = [(wanted, 2 * max(taken) + 1) for wanted, taken in zip((size, 0), zip(*times))]
            found = [cost(session, *wait) for wait in waits]
            self.processor.add(name, sum(processor for processor, _ in found))
            self.exits.add(name, sum(count for _, count in found))
            if counts:
                self.calls.add(name, sum(count_calls(session, *wait) for wait in waits))


def crowd(name, kernel):
    """Seconds until each of many machines has 1 GiB, and until all have given it back, asked at once; and before that
    the bytes of each beside its guest's memory."""
    clean_memory()
    with contextlib.ExitStack() as stack:
        sessions = [
            stack.enter_context(KINDS[name](kernel, command_line(0), 1, "2M", "128M")) for _ in range(CROWD)]
        for session in sessions:
            session.wait_until_ready(PATIENCE)
        beside = sum(beside_guest(session.process.pid, 2)[0] for session in sessions) / CROWD
        times = []
        for size in (GIB, 0):
            start = time.monotonic()
            for session in sessions:
                session.monitor(f"qom-set vm0 requested-size {size}")
            for session in sessions:
                session.wait_for_size("vm0", size, PATIENCE)
            times.append(time.monotonic() - start)
        return *times, beside


def measure(rounds, kernels):
    subprocess.run(["mount", "-t", "debugfs", "nodev", "/sys/kernel/debug"], check=False, stderr=subprocess.DEVNULL)
    # The oldest: what users have that long is what others have measured.
    kernel = kernels[0]
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        initrds[kernel] = make_pci_initrd(kernel, directory, ("virtio_mem",))
        figures = []
        for values in CASES:
            case = Case(kernel, *values)
            for number in range(rounds):
                for name in in_turn(KINDS, number):
                    case.measure(name, number == 0)
            figures += case.figures
        case = {"kernel": kernel, "machines at once": CROWD}
        together = [
            *(Figure(NAME, f"{word} of 1 GiB", "seconds", case, ratios={Q35_NAME: 1.1}) for word in ("plug", "unplug")),
            Figure(NAME, "PSS of each beside its guest's memory, idle", "bytes", case)]
        for number in range(rounds):
            for name in in_turn(KINDS, number):
                for figure, value in zip(together, crowd(name, kernel)):
                    figure.add(name, value)
        return [*figures, *together]
