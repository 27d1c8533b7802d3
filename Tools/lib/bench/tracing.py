"""The kernel's tracing."""

import contextlib
import os
import subprocess

TRACING = "/sys/kernel/tracing"
# In a raw_syscalls event, the request of ioctl that runs a vCPU.
KVM_RUN = ", ae80,"


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


@contextlib.contextmanager
def traced(events, threads=(), kilobytes=16384):
    """Traces events, each with its filter or None, within the `with` statement: of some threads, or of all. Nothing of it
    goes on behind that.

    kilobytes: what there is for events."""
    set_trace("tracing_on", "0")
    set_trace("trace", "")
    set_trace("trace_clock", "mono")
    set_trace("buffer_size_kb", str(kilobytes))
    set_trace("set_event_pid", " ".join(map(str, threads)))
    try:
        for event, words in events.items():
            set_trace(f"events/{event}/filter", words or "0")
            set_trace(f"events/{event}/enable", "1")
        set_trace("tracing_on", "1")
        yield
    finally:
        set_trace("tracing_on", "0")
        for event in events:
            set_trace(f"events/{event}/enable", "0")
            set_trace(f"events/{event}/filter", "0")
        set_trace("set_event_pid", "")
