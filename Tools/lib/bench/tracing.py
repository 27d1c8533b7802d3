"""The kernel's tracing, apart from what others trace (Documentation/trace/ftrace.rst, "Instances")."""

import contextlib
import os
import re
import subprocess

from bench.figures import BenchError

ROOT = "/sys/kernel/tracing"
INSTANCES = os.path.join(ROOT, "instances")
PREFIX = "swiftlet-bench-"
INSTANCE = os.path.join(INSTANCES, f"{PREFIX}{os.getpid()}")
# In a raw_syscalls event, the request of ioctl that runs a vCPU.
KVM_RUN = ", ae80,"


def mount():
    if not os.path.exists(os.path.join(ROOT, "events")):
        subprocess.run(["mount", "-t", "tracefs", "nodev", ROOT], check=False)


def set_trace(file, text):
    """Writes to one of its files."""
    with open(os.path.join(INSTANCE, file), "w", encoding="ascii") as control:
        control.write(text)


def remove_others():
    """Removes what killed runs have left, which would trace its events for ever."""
    for name in os.listdir(INSTANCES):
        if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX):]}"):
            os.rmdir(os.path.join(INSTANCES, name))


def check_completeness(header):
    """Raises an error where the header of a trace tells that events have been overwritten."""
    found = re.search(r"entries-in-buffer/entries-written: (\d+)/(\d+)", header)
    if not found:
        raise BenchError(f"the trace does not say how many events it has: {header!r}")
    if found[1] != found[2]:
        raise BenchError(f"the kernel's trace buffer was too small: it holds {found[1]} of {found[2]} events")


def read_lines():
    with open(os.path.join(INSTANCE, "trace"), encoding="ascii", errors="replace") as file:
        lines = file.readlines()
    check_completeness("".join(line for line in lines[:20] if line.startswith("#")))
    return [line for line in lines if not line.startswith("#")]


@contextlib.contextmanager
def traced(events, threads=(), kilobytes=16384):
    """Traces events, each with its filter or None, within the `with` statement: of some threads, or of all. Yields a list
    that has the lines of what was traced behind it; nothing else of it remains.

    kilobytes: what there is for events, of each processor."""
    mount()
    remove_others()
    os.mkdir(INSTANCE)
    try:
        set_trace("tracing_on", "0")
        set_trace("trace_clock", "mono")
        set_trace("buffer_size_kb", str(kilobytes))
        set_trace("set_event_pid", " ".join(map(str, threads)))
        for event, words in events.items():
            set_trace(f"events/{event}/filter", words or "0")
            set_trace(f"events/{event}/enable", "1")
        lines = []
        set_trace("tracing_on", "1")
        yield lines
        set_trace("tracing_on", "0")
        lines += read_lines()
    finally:
        os.rmdir(INSTANCE)
