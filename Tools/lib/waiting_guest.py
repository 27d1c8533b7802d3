"""Hand-written guests that say a letter when they wait, and do what they are told by another."""

import os
import select
import subprocess

from bench.figures import BenchError

# Seconds that anything may take, on a busy machine.
PATIENCE = 300


class WaitingGuest:
    """A process whose guest has said that it waits; it is gone behind the `with` statement."""

    def __init__(self, name, command):
        self.name = name
        # Swiftlet's front end warns that this KVM is none for Linux; errors are told by the status, too.
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

    def tell(self, letter):
        """Has it do something, and waits until it has."""
        os.write(self.process.stdin.fileno(), letter)
        self.wait_for(b"d")

    def wait_for(self, wanted):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        byte = os.read(self.process.stdout.fileno(), 1) if ready else b"nothing"
        if byte != wanted:
            raise BenchError(f"the guest of {self.name} says {byte!r} where it should say {wanted!r}")
