"""Runs tests one by one, here and inside an emulated KVM host, and counts them as Tools/test wants it."""

import re
import subprocess
import sys
import time
import traceback

from place import ROOT, Failure

HOST_FAILED = 125


class Counts:
    """How many tests passed, failed and were skipped."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def run(self, name, test, *arguments):
        """Runs a test, and says how it went."""
        started = time.monotonic()
        try:
            test(*arguments)
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.failed += 1
            text = str(error) if isinstance(error, (Failure, AssertionError)) else traceback.format_exc()
            print(f"FAIL  {name}: {type(error).__name__}: {text}", flush=True)
        else:
            self.passed += 1
            print(f"pass  {name} ({time.monotonic() - started:.1f} s)", flush=True)

    def run_inside(self, script, arguments):
        """Runs the script with `--inside` in a host that Linux guests run in, and adds what it counts.

        Returns whether there was such a host.
        """
        command = [ROOT / "Tools" / "kvm-host", "--", sys.executable, script, "--inside", *arguments]
        last = ""
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                last = line.strip() or last
                if not counts_of(last):
                    print(line, end="", flush=True)
        counts = counts_of(last)
        if process.returncode == HOST_FAILED:
            return False
        if not counts:
            self.failed += 1
            print(f"FAIL  inside: status {process.returncode}, last line: {last}", flush=True)
            return True
        self.passed += counts[0]
        self.failed += counts[1]
        self.skipped += counts[2]
        return True

    def close(self):
        """Prints the last line; returns the exit status."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        return 1 if self.failed else 0


def counts_of(line):
    """What a last line counts; None for another line."""
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", line)
    return match and tuple(map(int, match.groups()))
