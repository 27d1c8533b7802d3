"""Processor time of a process that holds a guest, outside the guest: of other threads what the scheduler counts, of a
vCPU's what is outside of KVM_RUN. A program may serve a device on either; the guest's page faults are within KVM_RUN."""

import contextlib
import re

from bench.tracing import KVM_RUN, traced
from threads import is_vcpu, thread_times, time_beside_vcpus

EVENT = re.compile(r"-(\d+)\s+\[\d+\].*?(\d+\.\d+): (\w+): (.*)")
SWITCH = re.compile(r"prev_pid=(\d+) .*next_pid=(\d+)")
# An ioctl is system call 16.
IOCTL = "NR 16 "
EVENTS = {
    "raw_syscalls/sys_enter": "id == 16", "raw_syscalls/sys_exit": "id == 16", "sched/sched_switch": None}


class VCPUClock:
    """Adds up when one thread is on a processor and not within KVM_RUN."""

    def __init__(self, thread):
        self.thread, self.nanoseconds = thread, 0
        # Where nothing happens to the guest, its thread waits within KVM_RUN.
        self._since, self._is_in_guest = None, True

    def take(self, thread, moment, name, rest):
        if name == "sched_switch":
            switch = SWITCH.search(rest)
            if switch and int(switch[1]) == self.thread:
                self._stop(moment)
            elif switch and int(switch[2]) == self.thread and not self._is_in_guest:
                self._since = moment
        elif thread == self.thread and rest.startswith(IOCTL):
            if name == "sys_enter" and KVM_RUN in rest:
                self._stop(moment)
                self._is_in_guest = True
            elif name == "sys_exit" and self._is_in_guest:
                self._is_in_guest = False
                self._since = moment

    def _stop(self, moment):
        if self._since is not None:
            self.nanoseconds += moment - self._since
            self._since = None


@contextlib.contextmanager
def time_outside(pid):
    """Yields a list whose only element is, behind the `with` statement, the milliseconds of it."""
    clocks = [VCPUClock(number) for number, name, _ in thread_times(pid) if is_vcpu(name)]
    found = [0.0]
    with traced(EVENTS, [clock.thread for clock in clocks]) as lines:
        before = time_beside_vcpus(pid)
        yield found
        others = time_beside_vcpus(pid) - before
    for line in lines:
        event = EVENT.search(line)
        if event:
            for clock in clocks:
                clock.take(int(event[1]), round(float(event[2]) * 1e9), event[3], event[4])
    found[0] = (others + sum(clock.nanoseconds for clock in clocks)) / 1e6
