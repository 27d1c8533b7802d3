"""What an exit to user space costs, there and back, beside a bare loop in C around KVM_RUN
(Tests/Benchmarks/bare-plug.c), on this machine's /dev/kvm: a hand-written guest writes to a port that belongs to nobody,
and reads a register of a virtio-mmio device."""

import glob
import os
import select
import subprocess
import tempfile

from bench.figures import SWIFTLET, BenchError, Figure
from bench.machines import BIN, ROOT
from guest_compiler import compile_guest

NAME = "exits"
ABOUT = "what a VM exit to user space costs, by a port and by memory-mapped registers"
IS_INSIDE = False
BARE_NAME = "bare loop"
BARE = os.path.join(ROOT, "Tests", "Benchmarks", "bare-plug.c")
# As the guest has it.
COUNT = 20000
PATIENCE = 120
TURNS_A_ROUND = 4
LETTERS = {"by a port": b"p", "by a register": b"m"}


def commands(directory):
    bare, image, flat = (os.path.join(directory, name) for name in ("bare", "exits", "exits-flat"))
    subprocess.run(["clang", "-O2", "-Wall", "-Wextra", "-Werror", "-o", bare, BARE, "-lpthread"], check=True)
    compile_guest("exits", image)
    compile_guest("exits", flat, "-Wl,--oformat=binary")
    return {
        SWIFTLET: [os.path.join(BIN, "swiftlet"), "run", "--kernel", image, "--memory", "128M", "--serial", "stdio"],
        BARE_NAME: [bare, flat]}


class Guest:
    """A machine whose guest waits to be told to leave."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def __enter__(self):
        try:
            self.wait_for(b"r")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def wait_for(self, wanted):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        byte = os.read(self.process.stdout.fileno(), 1) if ready else b"nothing"
        if byte != wanted:
            raise BenchError(f"the guest of {self.name} says {byte!r} where it should say {wanted!r}")

    def processor_time(self):
        """Nanoseconds of the vCPU's thread, the guest's included."""
        for task in glob.glob(f"/proc/{self.process.pid}/task/*"):
            with open(f"{task}/comm", encoding="utf-8") as name, open(f"{task}/schedstat", encoding="utf-8") as times:
                if name.read().startswith("vcpu"):
                    return int(times.read().split()[0])
        raise BenchError(f"{self.name} has no vCPU")

    def leave(self, letter):
        """Milliseconds of processor time that a thousand exits take."""
        before = self.processor_time()
        self.process.stdin.write(letter)
        self.process.stdin.flush()
        self.wait_for(b"d")
        return (self.processor_time() - before) / COUNT / 1e3


def measure(rounds, kernels):
    del kernels
    figures = {
        title: Figure(NAME, f"a thousand exits {title}, the guest included", "milliseconds") for title in LETTERS}
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        starts = commands(directory)
        with Guest(SWIFTLET, starts[SWIFTLET]) as own, Guest(BARE_NAME, starts[BARE_NAME]) as bare:
            for _ in range(rounds * TURNS_A_ROUND):
                for title, letter in LETTERS.items():
                    for guest in (own, bare):
                        figures[title].add(guest.name, guest.leave(letter))
    return list(figures.values())
