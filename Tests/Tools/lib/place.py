"""A place where tests run `swiftlet`: a directory of its own, with machines whose guest does nothing but wait."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
PROGRAM = ROOT / ".build" / "release" / "swiftlet"
# Seconds that anything may take which takes no time by itself: the machine may be busy with much else.
PATIENCE = 120
# What `run` warns of because of the host, whatever it is told to run.
HOST_WARNINGS = re.compile(
    r"swiftlet: warning: (the processor shows neither vmx nor svm|.*: the file system has room for )")
HAS_KVM = os.access("/dev/kvm", os.R_OK | os.W_OK)


class Failure(Exception):
    """What was expected did not happen; the text says what was seen instead."""


def wait_until(condition, what, seconds=PATIENCE):
    """Waits until the condition returns something that is true, and returns that; `what` may be a function."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(0.05)


def waiting_kernel():
    """An ELF kernel that halts for ever: a segment of 4 KiB at 16 MiB, which begins with `hlt` and a jump back to it.

    Any KVM runs it, at once, and it takes no processor's time.
    """
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, 0x1000000, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0x1000, 0x1000000, 0x1000000, 0x1000, 0x1000, 0x1000)
    return (header + segment).ljust(0x1000, b"\0") + b"\xf4\xeb\xfd".ljust(0x1000, b"\0")


def guest_directory(kernel):
    """Where GuestImages/build puts the guest with a kernel of that version."""
    cache = os.environ.get("SWIFTLET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swiftlet")
    return os.path.join(cache, "guest", kernel)


class Place:
    """A directory with run directories, a cache, and a kernel for machines that only wait: for a `with` statement.

    Whatever was started in it is found by its environment, and ended at the latest when the place is left.
    """

    def __init__(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="swiftlet-place-"))
        self.runtime = self.directory / "run"
        self.runtime.mkdir()
        guest = self.directory / "cache" / "guest" / "default"
        guest.mkdir(parents=True)
        self.kernel = guest / "vmlinuz"
        self.kernel.write_bytes(waiting_kernel())
        (guest / "initrd").write_bytes(b"none")
        self.environment = {
            **os.environ, "XDG_RUNTIME_DIR": str(self.runtime), "SWIFTLET_CACHE": str(self.directory / "cache"),
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not self.processes(), "killed processes end")
        shutil.rmtree(self.directory, ignore_errors=True)

    def processes(self, word=""):
        """The processes that were started here, and whose command line has that word; their numbers."""
        mark = f"XDG_RUNTIME_DIR={self.runtime}".encode()
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                # What has ended and was not waited for yet has neither.
                if mark in (entry / "environ").read_bytes().split(b"\0") and (not word or word.encode() in words):
                    found.append(int(entry.name))
        return found

    def run(self, *arguments, status=0):
        """Runs `swiftlet` to its end; returns its standard output."""
        done = subprocess.run(
            [PROGRAM, *arguments], env=self.environment, cwd=self.directory, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=PATIENCE, check=False)
        if done.returncode != status:
            said = done.stdout + done.stderr
            raise Failure(f"swiftlet {' '.join(arguments)} ended with status {done.returncode}: {said}")
        return done.stdout

    def start(self, name, *options):
        """Starts a machine, and waits until it is listed as running; returns its process."""
        command = [PROGRAM, "run", "--name", name, "--kernel", self.kernel, "--memory", "64M", "--serial", "null"]
        command += options
        with open(self.directory / f"{name}.log", "wb") as log:
            machine = subprocess.Popen(
                command, env=self.environment, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

        def is_running():
            if machine.poll() is not None:
                raise Failure(f"machine {name} ended: {(self.directory / f'{name}.log').read_text()}")
            return f'"name": "{name}", "pid": {machine.pid}, "status": "running"' in self.run("list", "--json")

        wait_until(is_running, f"machine {name} runs")
        return machine

    def start_linux(self, name, *options):
        """Starts a machine in the background whose guest is Linux, and waits until that is ready."""
        guest = guest_directory("6.1")
        self.run(
            "run", "--name", name, "--detach", "--kernel", f"{guest}/vmlinuz", "--initrd", f"{guest}/initrd", *options)
        seen = b""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self.runtime / "swiftlet" / name / "console"))
            console.settimeout(2 * PATIENCE)
            # The shell reads lines only behind its first prompt.
            while not re.search(rb"swiftlet guest ready(.|\n)*guest# ", seen):
                data = b""
                with contextlib.suppress(TimeoutError):
                    data = console.recv(65536)
                if not data:
                    raise Failure(f"the guest of {name} did not get ready: {seen[-2000:]!r}")
                seen += data

    def names(self):
        """The names of the machines that run."""
        return [machine["name"] for machine in json.loads(self.run("list", "--json"))]

    def end(self, machine):
        """Ends a machine, as SIGTERM does it."""
        machine.send_signal(signal.SIGCONT)
        machine.terminate()
        if machine.wait(PATIENCE) != 0:
            raise Failure(f"a machine ended with status {machine.returncode}")

    def check_nothing_is_left(self, *expected):
        """Fails where other processes than the expected ones are there, or a machine's files."""

        def others():
            return [pid for pid in self.processes() if pid not in expected]

        wait_until(
            lambda: not others(), lambda: f"processes end: {[command_line(pid) for pid in others()]}")
        left = sorted(str(path.relative_to(self.runtime)) for path in self.runtime.rglob("*"))
        if left not in ([], ["swiftlet"]):
            raise Failure(f"left in the run directory: {left}")


def command_line(pid):
    """A process's command line, for people; empty for one that is gone."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""
