"""Hand-written guests that say a letter when they wait, and do what they are told by another."""

import os
import select
import subprocess
import tempfile

from bench.failure import failure
from script import end_process, start

# Seconds that anything may take, on a busy machine.
PATIENCE = 300


class WaitingGuest:
    """A process whose guest has said that it waits; it is gone behind the `with` statement."""

    def __init__(self, name, command):
        self.name = name
        # Not shown unless it fails: Swiftlet's front end warns that this KVM is none for Linux.
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        except BaseException:
            self.errors.close()
            raise

    def __enter__(self):
        try:
            self.wait_for(b"r")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end_process(self.process)
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()

    def tell(self, letter):
        """Has it do something, and waits until it has."""
        try:
            os.write(self.process.stdin.fileno(), letter)
        except BrokenPipeError as error:
            raise self._failure(f"the guest of {self.name} does not listen") from error
        self.wait_for(b"d")

    def wait_for(self, wanted):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        byte = os.read(self.process.stdout.fileno(), 1) if ready else b"nothing"
        if byte != wanted:
            raise self._failure(f"the guest of {self.name} says {byte!r} where it should say {wanted!r}")

    def _failure(self, text):
        return failure(self.name, self.process, self.errors, text)
