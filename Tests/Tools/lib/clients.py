"""Python packages for tests, in environments of their own."""

import pathlib
import subprocess
import sys

BUILD = pathlib.Path(__file__).resolve().parents[3] / ".build"


def install(name, packages):
    """Makes an environment in .build with packages from PyPI, unless it is there; returns its interpreter."""
    directory = BUILD / name
    python, mark = directory / "bin" / "python", directory / " ".join(packages)
    if not mark.exists():
        print(f"installing {', '.join(packages)} to {directory}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True)
        mark.touch()
    return python


def is_inside(name):
    """Whether this is that environment's interpreter."""
    return sys.prefix == str(BUILD / name)
