"""Memory of machines beside their guests', on this machine's /dev/kvm: of 1, 16 and 64 that do not run, of 128 MiB
each, without and with 8 memory devices."""

import contextlib

from bench.figures import SWIFTLET, BenchError, Figure
from bench.machines import MICROVM_NAME, Q35_NAME, Machine

NAME = "memory"
ABOUT = "memory beside the guest's, of 1, 16 and 64 machines"
IS_INSIDE = False
COUNTS = (1, 16, 64)
DEVICES = 8
# QEMU's machines are measured up to this many: each has what the first one has.
MOST_OF_OTHERS = 16
# What is larger is memory of a guest.
GUEST_SIZE = 100 << 20
MIB = 1 << 20


def beside_guest(pid, regions):
    """Bytes of the process's own: proportional set size, and what is private and dirty.

    regions: how many mappings of guest memory there are.
    """
    found, totals, is_guest = 0, {"Pss": 0, "Private_Dirty": 0}, False
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
        for line in smaps:
            name, _, rest = line.partition(":")
            if name == "Size":
                is_guest = int(rest.split()[0]) << 10 >= GUEST_SIZE
                found += is_guest
            elif name in totals and not is_guest:
                totals[name] += int(rest.split()[0]) << 10
    if found != regions:
        raise BenchError(f"{found} mappings are as large as a guest's memory, not {regions}")
    return totals["Pss"], totals["Private_Dirty"]


def machines(name, count, devices):
    """Totals of that many."""
    arguments = [word for number in range(devices) for word in ("--virtio-mem", f"id=vm{number},size=1G")]
    with contextlib.ExitStack() as stack:
        running = [stack.enter_context(Machine(name, arguments=arguments)) for _ in range(count)]
        for machine in running:
            if name == SWIFTLET:
                machine.execute("stop")
        found = [beside_guest(machine.process.pid, 1 + devices) for machine in running]
    return [sum(values) for values in zip(*found)]


def measure(rounds, kernels):
    del rounds, kernels
    figures = []
    totals = {}
    for devices in (0, DEVICES):
        for count in COUNTS:
            case = {"machines": count, **({"memory devices": devices} if devices else {})}
            pss = Figure(NAME, "PSS of each", "bytes", case, limit=5 * MIB if count == 1 and not devices else None)
            dirty = Figure(NAME, "private and dirty of each", "bytes", case)
            for name in (SWIFTLET, MICROVM_NAME, Q35_NAME):
                if name != SWIFTLET and (devices or count > MOST_OF_OTHERS):
                    continue
                total = machines(name, count, devices)
                totals[name, count, devices] = total[0]
                pss.add(name, total[0] / count)
                dirty.add(name, total[1] / count)
            figures += [pss, dirty]
    further = Figure(NAME, "PSS of each further machine", "bytes", limit=2 * MIB)
    most, fewer = COUNTS[-1], COUNTS[-2]
    further.add(SWIFTLET, (totals[SWIFTLET, most, 0] - totals[SWIFTLET, fewer, 0]) / (most - fewer))
    return [*figures, further]
