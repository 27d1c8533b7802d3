"""The kinds of parts that Tools/test has."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from script import start

from .report import Outcome
from .swift_events import read_outcome

# Of kvm-host, when there was no host or it broke.
HOST_FAILED = 125
# Hosts that a part may have before it fails: the emulation stands still now and then, whatever runs in it. Each that
# fails is said and counted, and what failed in it before is not tried again.
HOSTS = 3
# Of timeout(1).
TIMED_OUT = 124
BUNDLE = ".build/debug/swiftletPackageTests.xctest"
# Lines of a log that are shown when its part fails; the log has all of them.
SHOWN_LINES = 150


class Stopped(Exception):
    """The run is being ended: nothing is started any more."""


class Commands:
    """The commands that run now, in any thread."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = set()
        self._is_stopped = False

    def start(self, command, **options):
        with self._lock:
            if self._is_stopped:
                raise Stopped
            process = start(command, **options)
            self._running.add(process)
            return process

    def ended(self, process):
        """Raises an error where it was this that ended it."""
        with self._lock:
            self._running.discard(process)
            if self._is_stopped:
                raise Stopped

    def stop(self):
        """Ends all of them, with what they have started."""
        with self._lock:
            self._is_stopped = True
            for process in self._running:
                process.send_signal(signal.SIGTERM)


commands = Commands()


def run_command(command, log, limit, environment=None, on_line=None):
    """Runs a command with a time limit in seconds; what it writes goes to a log, and line by line to `on_line`.

    Returns its exit status: 124 when it took too long.
    """
    full = ["timeout", "--kill-after=20", str(limit), *command]
    with open(log, "ab") as file:
        file.write(f"$ {' '.join(command)}\n".encode())
        file.flush()
        process = commands.start(
            full, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(os.environ, **(environment or {})))
        try:
            for line in process.stdout:
                file.write(line)
                file.flush()
                if on_line:
                    on_line(line.decode(errors="replace").rstrip())
            status = process.wait()
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            commands.ended(process)
            raise
    commands.ended(process)
    return status


def tail(log):
    with open(log, encoding="utf-8", errors="replace") as file:
        return "".join(file.readlines()[-SHOWN_LINES:])


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


class Part:
    """Something that can be run alone. `seconds` is how long it takes about, in an emulated host where it needs one."""

    needs_build = needs_release = needs_fuzzer = needs_images = needs_guests = False
    # Whether another part may run at the same time.
    is_alone = True
    is_full = False

    def __init__(self, name, title, seconds, limit):
        self.name, self.title, self.seconds, self.limit = name, title, seconds, limit

    def run(self, report):
        log = report.log_path(self.name)
        open(log, "wb").close()
        report.say(f"{self.name}: {self.title}")
        begun = time.monotonic()
        outcome = self.attempt(report, log)
        report.add(self.name, outcome, time.monotonic() - begun, self.needs_guests)

    def attempt(self, report, log):
        raise NotImplementedError


class Command(Part):
    """A command that passes or fails as a whole."""

    def __init__(self, name, title, command, seconds, limit, is_full=False, **needs):
        super().__init__(name, title, seconds, limit)
        self.command, self.is_full = command, is_full
        self.needs_build, self.needs_release = needs.get("build", False), needs.get("release", False)
        self.needs_images, self.needs_fuzzer = needs.get("images", False), needs.get("fuzzer", False)

    def attempt(self, report, log):
        for number in range(HOSTS):
            if number:
                report.say(f"{self.name}: once more, in another host")
            status = run_command(self.command, log, self.limit)
            if status != HOST_FAILED:
                break
            report.note_host_failure(self.name, tail(log))
        if status == 0:
            return Outcome(passed=1)
        report.say(tail(log))
        outcome = Outcome()
        outcome.breakdown = f"took more than {self.limit} s" if status == TIMED_OUT else f"status {status}"
        return outcome


class ToolTest(Part):
    """A script of Tests/Tools, which counts its tests in its last line."""

    needs_images = needs_release = True

    def __init__(self, path, seconds, limit, is_alone, arguments=()):
        self.path, self.is_alone, self.arguments = path, is_alone, arguments
        super().__init__(os.path.basename(path), f"self test of a tool ({path})", seconds, limit)

    def attempt(self, report, log):
        for number in range(HOSTS):
            if number:
                report.say(f"{self.name}: once more, in another host")
            status, lines = self.run_script(report, log)
            if status != HOST_FAILED or any(line.startswith("FAIL") for line in lines):
                break
            report.note_host_failure(self.name, tail(log))
        last = next((line for line in reversed(lines) if line), "")
        counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
        outcome = Outcome(*map(int, counts.groups())) if counts else Outcome()
        if status == TIMED_OUT:
            outcome.breakdown = f"took more than {self.limit} s"
        elif not counts or (status != 0 and not outcome.failed):
            outcome.breakdown = f"status {status}, last line: {last}"
        if outcome.breakdown:
            report.say(tail(log))
        return outcome

    def run_script(self, report, log):
        """Returns the script's status and its lines; what failed is shown at once."""
        lines = []

        def follow(line):
            lines.append(line)
            if line.startswith("FAIL"):
                report.say(f"{self.name}: {line}")

        return run_command([self.path, *self.arguments], log, self.limit, on_line=follow), lines


class SwiftTests(Part):
    """Tests of the package, in a process right here."""

    needs_build = True

    def __init__(self, name, title, selection, seconds, limit):
        super().__init__(name, title, seconds, limit)
        self.selection = selection

    def attempt(self, report, log):
        with tempfile.TemporaryDirectory(prefix="swiftlet-test-") as directory:
            return self.run_bundle(report, log, directory, [], {})[0]

    def run_bundle(self, report, log, directory, prefix, environment):
        """Runs the tests selected.

        Returns the outcome, and whether it was the host that failed.
        """
        events = os.path.join(directory, "events")
        command = [*prefix, BUNDLE, "--testing-library", "swift-testing", *self.selection]
        command += ["--event-stream-version", "0", "--event-stream-output-path", events]
        # A test that crashes is to end, not to wait for a debugger.
        environment = {"NO_COLOR": "1", "SWIFT_BACKTRACE": "enable=no", **environment}
        status = run_command(command, log, self.limit, environment, lambda line: self.follow(report, line))
        outcome, texts, has_findings = read_outcome(events)
        if status == HOST_FAILED and not has_findings:
            return outcome, True
        if status == TIMED_OUT:
            outcome.breakdown = f"took more than {self.limit} s"
        elif status != 0 and not outcome.failed and not outcome.breakdown:
            outcome.breakdown = f"status {status}"
        for text in texts:
            report.say(indented(text))
        if outcome.breakdown and not texts:
            report.say(tail(log))
        return outcome, False

    def follow(self, report, line):
        """Shows what failed at once."""
        if re.match(r"\S Test (?!run ).* failed after", line):
            report.say(f"{self.name}: {line}")


class FullTests(SwiftTests):
    """Tests right here that take long, and skip themselves unless they are asked for."""

    is_full = True

    def attempt(self, report, log):
        with tempfile.TemporaryDirectory(prefix="swiftlet-test-") as directory:
            return self.run_bundle(report, log, directory, [], {"SWIFTLET_FULL": "1"})[0]


class GuestTests(SwiftTests):
    """Tests of the package that boot guests, in a host that can do that."""

    needs_release = needs_images = needs_guests = True
    is_alone = False
    host = ["Tools/kvm-host", "--"]

    def __init__(self, name, title, suites, seconds, is_full=False, host_options=(), kernel=None):
        """`suites` may also name single tests (SUITE/TEST). `kernel` is the one for tests that can run with each."""
        pattern = "|".join(re.escape(suite) for suite in suites)
        # One host has one processor: tests side by side would only make each other slower.
        super().__init__(name, title, ["--no-parallel", "--filter", f"^({pattern})[./(]"], seconds, 300 + 6 * seconds)
        self.is_full = is_full
        self.environment = {"SWIFTLET_KERNEL": kernel} if kernel else {}
        self.host = ["Tools/kvm-host", *host_options, "--"]
        # Without a host: skip instead of failing.
        self.may_skip = False

    def attempt(self, report, log):
        for number in range(HOSTS):
            if number:
                report.say(f"{self.name}: once more, in another host")
            directory = tempfile.mkdtemp(prefix=f"swiftlet-test-{self.name}-")
            try:
                environment = {
                    "KVM_HOST_OUT": directory, "SWIFTLET_BIN": os.path.abspath(".build/release/swiftlet"),
                    **self.environment}
                outcome, host_failed = self.run_bundle(report, log, directory, self.host, environment)
            finally:
                shutil.rmtree(directory, ignore_errors=True)
            if not host_failed:
                return outcome
            # What passed in a host that broke has to pass again; had something failed, it would not be tried again.
            report.note_host_failure(self.name, tail(log))
        return self.skip(report, log)

    def skip(self, report, log):
        """Without a host the tests skip themselves, and are counted that way."""
        with tempfile.TemporaryDirectory(prefix="swiftlet-test-") as directory:
            outcome, _ = self.run_bundle(report, log, directory, ["env", "-u", "KVM_HOST"], {})
        if not self.may_skip:
            outcome.breakdown = "no KVM host could be had (--without-guests skips what needs one)"
        return outcome

    def follow(self, report, line):
        """Those that take long give a sign of life."""
        if re.match(r"\S Test (?!run ).* (failed|passed after [1-9]\S*\d) ", line):
            report.say(f"{self.name}: {line}")


