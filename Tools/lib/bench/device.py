"""The memory device alone, without a virtual machine (Tests/Benchmarks/Device): what a request takes from the virtqueue to
the answer. `state` asks whether a block is plugged, which the device answers by itself; `resize` plugs a block and unplugs
it, with the host's calls for that."""

import collections
import os
import re
import subprocess
import tempfile

from bench.figures import SWIFTLET, BenchError, Figure
from bench.machines import ROOT

NAME = "device"
ABOUT = "the memory device alone: time, instructions, allocations and reference counting of a request"
IS_INSIDE = False
SCRATCH = os.path.join(ROOT, ".build", "bench")
PROGRAM = os.path.join(SCRATCH, "release", "swiftlet-bench")
KINDS = ("state", "resize")
TIMED = 100000
# The difference of two runs has no start and no end in it.
COUNTED = (2000, 4000)
CALLS = {
    "allocations": {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"},
    "reference counting": {
        "swift_retain", "swift_release", "swift_retain_n", "swift_release_n", "swift_bridgeObjectRetain",
        "swift_bridgeObjectRelease", "swift_unownedRetain", "swift_unownedRelease", "swift_weakLoadStrong"},
}


def build():
    command = ["swift", "build", "-c", "release", "--scratch-path", SCRATCH, "--product", "swiftlet-bench"]
    result = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "SWIFTLET_BENCH": "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False)
    if result.returncode != 0:
        raise BenchError(f"building the benchmark of the device failed\n{result.stdout}")


def run(kind, count, prefix=()):
    result = subprocess.run([*prefix, PROGRAM, kind, str(count)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BenchError(f"{kind}: {result.stderr}")
    return result.stdout


def count(kind, requests):
    """Instructions, and calls by function, of that many requests (callgrind: cfn= names what calls= counts)."""
    with tempfile.NamedTemporaryFile("r", prefix="bench-", encoding="utf-8", errors="replace") as file:
        run(kind, requests, ("valgrind", "--tool=callgrind", f"--callgrind-out-file={file.name}"))
        names, calls, instructions, called = {}, collections.Counter(), None, None
        for line in file:
            match = re.match(r"(c?fn)=\((\d+)\)(?: (.*))?", line)
            if match:
                if match[3]:
                    # A function that calls itself has a number behind its name.
                    names[match[2]] = match[3].split("'")[0]
                called = names[match[2]] if match[1] == "cfn" else called
            elif line.startswith("calls="):
                calls[called] += int(line[6:].split()[0])
            elif line.startswith(("summary:", "totals:")):
                instructions = int(line.split()[1])
    if instructions is None:
        raise BenchError("callgrind has counted nothing")
    return instructions, calls


def measure(rounds, kernels):
    del kernels
    build()
    figures = []
    for kind in KINDS:
        case = {"request": kind}
        rate = Figure(NAME, "time of a thousand requests", "milliseconds", case)
        for _ in range(rounds):
            rate.add(SWIFTLET, int(run(kind, TIMED)) / TIMED / 1e3)
        few, many = (count(kind, requests) for requests in COUNTED)
        extra = COUNTED[1] - COUNTED[0]
        instructions = Figure(NAME, "instructions of a request (callgrind)", "count", case)
        instructions.add(SWIFTLET, (many[0] - few[0]) / extra)
        figures += [rate, instructions]
        for name, functions in CALLS.items():
            figure = Figure(NAME, f"{name} of a request", "count", case, limit=0)
            figure.add(SWIFTLET, sum(many[1][one] - few[1][one] for one in functions) / extra)
            figures.append(figure)
    return figures
