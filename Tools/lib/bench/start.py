"""What it takes from exec until QMP greets, with the virtual machine and its vCPU there, on this machine's /dev/kvm.

The kernel's image is loaded after that. Processor time is that of all threads, as the scheduler counts it.
"""

import re
import tempfile

from bench.figures import SWIFTLET, BenchError, Figure, in_turn
from bench.machines import MICROVM_NAME, Q35_NAME, VMM_NAME, Handed, Machine
from script import end_process
from threads import processor_time

NAME = "start"
ABOUT = "from exec to the greeting of QMP: processor time, system calls, page faults"
IS_INSIDE = False
DEVICE = ("--virtio-mem", "id=vm0,size=1G")
PROGRAMS = (SWIFTLET, VMM_NAME, MICROVM_NAME, Q35_NAME)
# More than this is not needed for a median that stays.
ROUNDS_OF_ONE = 4


def page_faults(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    # proc_pid_stat(5): minflt and majflt.
    return int(fields[7]) + int(fields[9])


def system_calls(name, handed):
    with tempfile.NamedTemporaryFile("r", prefix="bench-") as log:
        with Machine(name, handed, DEVICE, ("strace", "-f", "-ttt", "-o", log.name)) as machine:
            end = machine.greeted_at
            end_process(machine.process)
        begun = re.compile(r"\d+\s+(\d+\.\d+) (?!<\.\.\.|\+\+\+|---)")
        times = [float(match[1]) for match in map(begun.match, log) if match]
    if not times:
        raise BenchError("strace has seen nothing")
    return sum(time <= end for time in times)


def measure(rounds, kernels):
    del kernels
    time = Figure(NAME, "processor time until QMP greets", "milliseconds", limit=8)
    vmm = Figure(NAME, "the same, of swiftlet-vmm alone", "milliseconds", limit=4)
    faults = Figure(NAME, "page faults until QMP greets", "count")
    elapsed = Figure(NAME, "time until QMP greets", "milliseconds")
    calls = Figure(NAME, "system calls until QMP greets", "count")
    with Machine(SWIFTLET, arguments=DEVICE) as first:
        handed = Handed(first.process.pid)
    for number in range(rounds * ROUNDS_OF_ONE):
        for name in in_turn(PROGRAMS, number):
            with Machine(name, handed, DEVICE) as machine:
                pid = machine.process.pid
                if name == VMM_NAME:
                    vmm.add(SWIFTLET, processor_time(pid))
                    continue
                time.add(name, processor_time(pid))
                faults.add(name, page_faults(pid))
                elapsed.add(name, (machine.greeted - machine.started) * 1000)
    # Which calls come before the greeting is there varies by a few.
    for _ in range(rounds):
        for name in PROGRAMS:
            if name != VMM_NAME:
                calls.add(name, system_calls(name, handed))
    return [time, vmm, elapsed, calls, faults]
