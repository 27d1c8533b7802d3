"""A guest as scripts drive it: console and monitor, and what the host sees of the process."""

import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from script import start

PROMPT = b"guest# "
READY = re.compile(rb"swiftlet guest ready: Linux (\S+), (\d+) CPUs")


def cache_directory():
    """Where GuestImages/build puts what it fetches and makes."""
    return os.environ.get("SWIFTLET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swiftlet")


def guest_directory(kernel):
    """Where GuestImages/build puts the guest with a kernel of that version."""
    return os.path.join(cache_directory(), "guest", kernel)


class SessionError(Exception):
    """What was expected did not happen; the text says what was seen instead."""


class Session:
    """One guest under `swiftlet run`. Use it in a `with` statement: the process is gone afterwards, however that ends."""

    monitor_prompt = b"(swiftlet) "

    def __init__(self, arguments, program):
        self.directory = tempfile.mkdtemp(prefix="swiftlet-")
        self.output = b""
        self.socket_path = os.path.join(self.directory, "monitor")
        self.started = time.monotonic()
        self.process = start(self.command(arguments, program), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.monitor_socket = None

    def command(self, arguments, program):
        return [program, "run", *arguments, "--monitor", "unix:" + self.socket_path]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.monitor_socket:
            self.monitor_socket.close()
        self.process.stdin.close()
        self.process.stdout.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    # The console

    def wait_for(self, pattern, seconds, start=0):
        """Waits until the console shows the pattern, at or behind position `start`; returns the match."""
        deadline = time.monotonic() + seconds
        while True:
            match = re.compile(pattern).search(self.output, start)
            if match:
                return match
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(left):
                tail = self.output[start:][-2000:].decode(errors="replace")
                state = self.process.poll()
                raise SessionError(
                    f"the console did not show {pattern!r} within {seconds} s"
                    + (f"; the process ended with status {state}" if state is not None else "")
                    + f". Its end:\n{tail}")

    def wait_until_ready(self, seconds=240):
        """Waits for the guest's shell; returns the seconds since the start of the process."""
        self.wait_for(READY, seconds)
        elapsed = time.monotonic() - self.started
        # The shell reads lines only behind its first prompt, and breaks long ones where it thinks the screen ends.
        self.wait_for(PROMPT, seconds)
        start = len(self.output)
        self.process.stdin.write(b"stty cols 400\n")
        self.process.stdin.flush()
        self.wait_for(PROMPT, seconds, start)
        return elapsed

    def run(self, command, seconds=120):
        """Runs a command in the guest's shell; returns what it printed."""
        start = len(self.output)
        # The shell echoes the line, so the end is marked by what is not written there literally.
        self.process.stdin.write(command.encode() + b"; echo end-of''-command\n")
        self.process.stdin.flush()
        self.wait_for(rb"end-of-command\r?\n", seconds, start)
        text = self.output[start:].decode(errors="replace").replace("\r", "")
        lines = text.split("\n")
        # What is typed before the shell reads is shown twice: by the terminal, and behind the prompt.
        first = max((i for i, line in enumerate(lines) if "end-of''-command" in line), default=-1)
        last = lines.index("end-of-command") if "end-of-command" in lines else len(lines) - 1
        return "\n".join(lines[first + 1:last])

    def _read(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        if not ready:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.output += data
        return bool(data)

    # The monitor

    def monitor(self, command, seconds=60):
        """Runs a monitor command; returns what it answered."""
        if self.monitor_socket is None:
            self.monitor_socket = socket.socket(socket.AF_UNIX)
            self.monitor_socket.connect(self.socket_path)
            self._monitor_answer(seconds)
        self.monitor_socket.sendall(command.encode() + b"\n")
        return self._monitor_answer(seconds)

    def _monitor_answer(self, seconds):
        self.monitor_socket.settimeout(seconds)
        answer = b""
        while not answer.endswith(self.monitor_prompt):
            data = self.monitor_socket.recv(65536)
            if not data:
                raise SessionError(f"the monitor ended behind {answer!r}")
            answer += data
        return answer[:-len(self.monitor_prompt)].decode()

    def memory_devices(self):
        """`info memory-devices` as a dictionary from id to fields."""
        devices = {}
        for line in self.monitor("info memory-devices").splitlines():
            title = re.fullmatch(r'Memory device \[virtio-mem\]: "(.*)"', line)
            if title:
                fields = devices[title.group(1)] = {}
            else:
                key, value = line.strip().split(": ")
                fields[key] = value
        return devices

    def plugged(self, device):
        """How many bytes of a device the guest has plugged."""
        # QEMU's monitor shows what is typed first.
        return int(self.monitor(f"qom-get {device} size").split()[-1])

    def wait_for_size(self, device, size, seconds, poll=0.1):
        """Waits until the guest has that many bytes of a device plugged, and asks each poll seconds; returns the seconds
        that took."""
        start = time.monotonic()
        while True:
            plugged = self.plugged(device)
            elapsed = time.monotonic() - start
            if plugged == size:
                return elapsed
            if elapsed > seconds:
                raise SessionError(f"{device} has {plugged} bytes plugged after {seconds} s, not {size}")
            time.sleep(poll)

    # The host's view

    def resident_kilobytes(self):
        """Resident memory of the whole process."""
        with open(f"/proc/{self.process.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))

    def stop(self):
        """Switches the guest off from within; returns the exit status."""
        self.process.stdin.write(b"poweroff\n")
        self.process.stdin.flush()
        while self._read(60):
            pass
        return self.process.wait(60)
