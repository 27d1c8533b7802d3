"""The programs that are measured, started on this machine's own /dev/kvm, and their QMP."""

import contextlib
import os
import re
import socket
import subprocess
import tempfile
import time

from bench.failure import failure
from bench.figures import SWIFTLET
from qemu_machine import MICROVM, NOTHING_MORE
from script import end_process, start

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))
BIN = os.environ.get("SWIFTLET_BIN_DIR", os.path.join(ROOT, ".build/release"))
MICROVM_NAME, Q35_NAME = "QEMU microvm", "QEMU q35"
VMM_NAME = "swiftlet-vmm"
# Seconds.
PATIENCE = 30


def qemu_command(machine, path):
    """A machine of QEMU's that is there and does not run: it has no guest that it could boot here."""
    # A KVM without vmx and svm may refuse to have its guests told of their processor's mitigations.
    return [
        "qemu-system-x86_64", *machine, "-accel", "kvm", "-cpu", "host,-arch-capabilities", "-smp", "1", "-m", "128M",
        *NOTHING_MORE, "-serial", "none", "-S", "-qmp", f"unix:{path},server=on,wait=off"]


def swiftlet_command(path, *arguments):
    program = os.path.join(BIN, "swiftlet")
    return [program, "run", "--memory", "128M", "--serial", "null", *arguments, "--qmp", f"unix:{path}"]


class Handed:
    """What `swiftlet run` hands over to `swiftlet-vmm`: its arguments, and the files behind their descriptors."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            self.arguments = file.read().split("\0")[1:-1]
        numbers = {int(number) for argument in self.arguments for number in re.findall(r"\bfd=(\d+)", argument)}
        self.files = {number: os.readlink(f"/proc/{pid}/fd/{number}") for number in numbers}


class Machine:
    """A machine that has greeted by QMP; it is gone behind the `with` statement."""

    def __init__(self, name, handed=None, arguments=(), prefix=()):
        """
        handed: what swiftlet-vmm is started with.
        arguments: further ones of `swiftlet run`.
        prefix: a program that starts it, such as strace.
        """
        self.name = name
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        self.path = os.path.join(self.directory.name, "qmp")
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self.started = time.monotonic()
        if name == VMM_NAME:
            self.process = self._start_vmm(handed, prefix, quiet)
        else:
            commands = {
                SWIFTLET: swiftlet_command(self.path, *arguments), MICROVM_NAME: qemu_command(MICROVM, self.path),
                Q35_NAME: qemu_command(["-M", "q35"], self.path)}
            self.process = start([*prefix, *commands[name]], **quiet)
        self.client = None
        self.is_negotiated = False

    def _start_vmm(self, handed, prefix, quiet):
        with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as opened:
            listener.bind(self.path)
            listener.listen()
            numbers = {}
            for number, target in handed.files.items():
                copy = os.dup(listener.fileno()) if target.startswith("socket:") else os.open(target, os.O_RDONLY)
                opened.callback(os.close, copy)
                numbers[number] = copy
            arguments = [
                re.sub(r"\bfd=(\d+)", lambda match: f"fd={numbers[int(match[1])]}", text) for text in handed.arguments]
            return start(
                [*prefix, os.path.join(BIN, "swiftlet-vmm"), *arguments], pass_fds=list(numbers.values()), **quiet)

    def __enter__(self):
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _connect(self):
        self.client = socket.socket(socket.AF_UNIX)
        self.client.settimeout(PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.client.connect(self.path)
                break
            except OSError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise self._failure("does not listen") from error
                time.sleep(0.0005)
        try:
            greeting = self.client.recv(4096)
        except OSError:
            greeting = b""
        self.greeted = time.monotonic()
        self.greeted_at = time.time()
        if not greeting.startswith(b'{"QMP"'):
            raise self._failure("does not greet")

    def _failure(self, text):
        return failure(self.name, self.process, self.process.stderr, f"{self.name} {text}")

    def execute(self, command):
        """Has the machine do something that needs no arguments."""
        commands = [command] if self.is_negotiated else ["qmp_capabilities", command]
        self.is_negotiated = True
        for name in commands:
            try:
                self._execute_one(name)
            except OSError as error:
                raise self._failure(f"{name}: {error}") from error

    def _execute_one(self, name):
        self.client.sendall(f'{{"execute": "{name}"}}'.encode())
        answer = b""
        while b'"return"' not in answer:
            more = self.client.recv(4096)
            if not more or b'"error"' in more:
                raise self._failure(f"{name}: {more!r}")
            answer += more

    def __exit__(self, *_):
        if self.client:
            self.client.close()
        end_process(self.process)
        self.process.stderr.close()
        self.directory.cleanup()
