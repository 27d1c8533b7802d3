"""The kernel's tracing."""

import os
import subprocess

TRACING = "/sys/kernel/tracing"


def mount():
    if not os.path.exists(os.path.join(TRACING, "events")):
        subprocess.run(["mount", "-t", "tracefs", "nodev", TRACING], check=False)


def set_trace(file, text):
    """Writes to one of its files."""
    with open(os.path.join(TRACING, file), "w", encoding="ascii") as control:
        control.write(text)


def trace_lines():
    """Yields what was traced."""
    with open(os.path.join(TRACING, "trace"), encoding="ascii", errors="replace") as lines:
        yield from lines
