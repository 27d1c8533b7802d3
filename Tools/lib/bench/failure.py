"""What to say when a measured program does not do what it should."""

import subprocess

from bench.figures import BenchError


def failure(name, process, errors, text):
    """An error that says so, or how the process ended where it has, and what it has said then.

    errors: what its standard error goes to: a pipe, or a file.
    """
    try:
        status = process.wait(1)
    except subprocess.TimeoutExpired:
        return BenchError(text)
    if errors.seekable():
        errors.seek(0)
    said = errors.read().decode(errors="replace").strip()
    return BenchError(f"{name} ended (status {status}): {said}")
