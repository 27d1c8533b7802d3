"""Counts of what passed, failed and was skipped, and all that is said meanwhile."""

import os
import sys
import threading
import time


class Outcome:
    """How one part went."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped
        # Why the part as a whole went wrong, beside its tests; counts as a failed test.
        self.breakdown = None

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Report:
    """What a run of Tools/test says. Parts may end at the same time."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.begun = time.monotonic()
        self.total = Outcome()
        self.lock = threading.Lock()
        self.failed_parts = []
        self.host_failures = []
        # Why the status is 1 though no test failed.
        self.objections = []

    def say(self, text):
        elapsed = int(time.monotonic() - self.begun)
        with self.lock:
            for line in text.splitlines():
                print(f"[{elapsed // 60:3}:{elapsed % 60:02}] {line}")
            sys.stdout.flush()

    def log_path(self, part):
        return os.path.join(self.directory, f"{part}.log")

    def add(self, part, outcome, seconds, needs_guests):
        """Takes what came of a part."""
        with self.lock:
            self.total.passed += outcome.passed
            self.total.failed += outcome.failed + bool(outcome.breakdown)
            self.total.skipped += outcome.skipped
            if outcome.failed or outcome.breakdown:
                self.failed_parts.append(part)
            if needs_guests and outcome.skipped:
                self.object_in_ci(f"{part}: {outcome.skipped} tests that need a guest were skipped")
        if outcome.passed or outcome.failed or outcome.skipped or not outcome.breakdown:
            self.say(f"{part}: {outcome} ({seconds:.0f} s)")
        if outcome.breakdown:
            self.say(f"{part}: FAILED: {outcome.breakdown} (all that it wrote: {self.log_path(part)})")

    def fail(self, part, reason):
        """Takes that a part failed before any of its tests began."""
        outcome = Outcome()
        outcome.breakdown = reason
        self.add(part, outcome, 0, False)

    def object_in_ci(self, text):
        if os.environ.get("CI") == "true":
            self.objections.append(text)

    def note_host_failure(self, part, text):
        with self.lock:
            self.host_failures.append(part)
        self.say(f"{part}: HOST FAILURE, which says nothing about Swiftlet:\n{text}")

    def close(self):
        """Says how it went in all.

        Returns the exit status.
        """
        if self.host_failures:
            self.say(f"emulated KVM hosts that failed: {len(self.host_failures)} ({', '.join(self.host_failures)})")
        for objection in self.objections:
            self.say(f"NOT GOOD ENOUGH: {objection}")
        if self.failed_parts:
            self.say(f"failed: {', '.join(self.failed_parts)}; all that they wrote is in {self.directory}")
        print(self.total, flush=True)
        return 1 if self.total.failed or self.objections else 0
