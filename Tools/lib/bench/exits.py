"""What an exit to user space costs, there and back, beside a bare loop in C around KVM_RUN
(Tests/Benchmarks/bare-plug.c), on this machine's /dev/kvm: a hand-written guest writes to a port that belongs to nobody,
and reads a register of a virtio-mmio device."""

import os
import tempfile

from bench.figures import SWIFTLET, Figure, in_turn
from bench.machines import BIN
from guest_compiler import compile_bare_loop, compile_guest
from threads import is_vcpu, thread_times
from waiting_guest import WaitingGuest

NAME = "exits"
ABOUT = "what a VM exit to user space costs, by a port and by memory-mapped registers"
IS_INSIDE = False
BARE_NAME = "bare loop"
# As the guest has it.
COUNT = 20000
TURNS_A_ROUND = 4
LETTERS = {"by a port": b"p", "by a register": b"m"}


def commands(directory):
    bare, image, flat = (os.path.join(directory, name) for name in ("bare", "exits", "exits-flat"))
    compile_bare_loop(bare)
    compile_guest("exits", image)
    compile_guest("exits", flat, "-Wl,--oformat=binary")
    return {
        SWIFTLET: [os.path.join(BIN, "swiftlet"), "run", "--kernel", image, "--memory", "128M", "--serial", "stdio"],
        BARE_NAME: [bare, flat]}


class LeavingGuest(WaitingGuest):
    """A machine whose guest waits to be told to leave."""

    def processor_time(self):
        """Nanoseconds of the vCPU's thread, the guest's included."""
        return sum(time for _, name, time in thread_times(self.process.pid) if is_vcpu(name))

    def leave(self, letter):
        """Milliseconds of processor time that a thousand exits take."""
        before = self.processor_time()
        self.tell(letter)
        return (self.processor_time() - before) / COUNT / 1e3


def measure(rounds, kernels):
    del kernels
    figures = {
        title: Figure(NAME, f"a thousand exits {title}, the guest included", "milliseconds") for title in LETTERS}
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        starts = commands(directory)
        with LeavingGuest(SWIFTLET, starts[SWIFTLET]) as own, LeavingGuest(BARE_NAME, starts[BARE_NAME]) as bare:
            for number in range(rounds * TURNS_A_ROUND):
                for title, letter in LETTERS.items():
                    for guest in in_turn((own, bare), number):
                        figures[title].add(guest.name, guest.leave(letter))
    return list(figures.values())
