"""The free memory of an emulated host.

Its emulator translates the code that runs in it. As long as a page has translated code, each write to that page is some
hundred times slower than others, and a page that held a guest's code has some until all of it is overwritten. Whose guest
gets such pages then waits up to 80 ms for a huge page: by chance, and on no real host. So all free memory is written to
once before a machine is measured."""

import mmap
import os
import re

# Left to others meanwhile.
SPARED = 256 << 20
HUGE_PAGE = 2 << 20


def clean_memory():
    """Does nothing where machines run on this machine itself."""
    if os.environ.get("KVM_HOST") != "emulated":
        return
    with open("/proc/meminfo", encoding="ascii") as file:
        free = int(re.search(r"^MemFree:\s+(\d+) kB", file.read(), re.MULTILINE)[1]) << 10
    size = max(0, free - SPARED) // HUGE_PAGE * HUGE_PAGE
    if size == 0:
        return
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        memory.madvise(mmap.MADV_HUGEPAGE)
        # The kernel clears all of a huge page.
        for offset in range(0, size, HUGE_PAGE):
            memory[offset] = 1
