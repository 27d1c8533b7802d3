#!/usr/bin/env python3
"""Adds programs of this machine to a guest's initramfs: each with the libraries that it needs, in /bin and where the
dynamic linker looks for them.

usage: add_programs.py INITRD OUTPUT PROGRAM...
"""

import os
import re
import shutil
import stat
import subprocess
import sys

from initramfs import Archive


def libraries(program):
    """The files that the dynamic linker loads for a program, by the paths by which it finds them."""
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(?:=> )?(/\S+) \(0x", listing)


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    initrd, output, *programs = sys.argv[1:]
    archive, files = Archive(), {}
    for name in programs:
        program = shutil.which(name)
        if not program:
            raise SystemExit(f"add_programs: there is no {name}: run Tools/setup")
        files[f"bin/{os.path.basename(program)}"] = program
        # /lib is a link to /usr/lib here, and a directory of its own in the guest.
        files.update({re.sub("^/usr", "", path).strip("/"): path for path in libraries(program)})
    for path, source in sorted(files.items()):
        with open(source, "rb") as file:
            archive.add(path, stat.S_IFREG | 0o755, file.read())
    with open(initrd, "rb") as first:
        content = first.read()
    # The kernel unpacks archives that follow each other into one tree.
    with open(output, "wb") as file:
        file.write(content + archive.finish())


if __name__ == "__main__":
    main()
