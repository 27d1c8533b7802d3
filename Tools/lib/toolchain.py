"""Finds the Swift toolchain as the shell scripts do."""

import os
import subprocess


def use_swift(root):
    """Puts the toolchain that Tools/setup installed into PATH, unless there is another one.

    Returns whether there is one.
    """
    script = ". Tools/lib/common.sh; use_swift; printf %s \"$PATH\""
    result = subprocess.run(["bash", "-c", script], cwd=root, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        os.environ["PATH"] = result.stdout
    return result.returncode == 0
