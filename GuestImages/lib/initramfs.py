#!/usr/bin/env python3
"""Writes an initramfs: a cpio archive of the "newc" kind (kernel: Documentation/driver-api/early-userspace/
buffer-format.rst). The same input gives the same bytes, and neither root nor cpio(1) is needed.

usage: initramfs.py OUTPUT [--dir PATH]... [--file SOURCE=PATH]... [--link TARGET=PATH]...
                    [--kernel DIR --module NAME... --module-list NAME...]

--kernel is the root of an unpacked kernel package. Modules named with --module go to /lib/modules with what they
depend on, uncompressed; /lib/modules/order lists them in the order in which they can be loaded. A module that is
built into the kernel is left out; one that is neither is an error. --module-list does the same for a module that is not
among those: /lib/modules/NAME.order lists it, and what it needs.
"""

import argparse
import lzma
import pathlib
import re
import stat
import sys


class Archive:
    """A cpio archive in the making: parents are added before what they hold."""

    def __init__(self):
        self.parts = []
        self.names = set()

    def add(self, path, mode, content=b""):
        path = path.strip("/")
        parent = path.rpartition("/")[0]
        if parent:
            self.directory(parent)
        if path in self.names:
            raise SystemExit(f"initramfs: /{path} is there twice")
        self.names.add(path)
        self._record(path, mode, content)

    def directory(self, path):
        if path.strip("/") not in self.names:
            self.add(path, stat.S_IFDIR | 0o755)

    def _record(self, path, mode, content):
        name = path.encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        # inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of the name, checksum.
        fields = (len(self.parts), mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.parts.append(_padded(header + name) + _padded(content))

    def finish(self):
        self._record("TRAILER!!!", 0, b"")
        return b"".join(self.parts)


def _padded(data):
    return data + bytes(-len(data) % 4)


class Modules:
    """The modules of one unpacked kernel package."""

    def __init__(self, root):
        (self.directory,) = pathlib.Path(root, "lib/modules").iterdir()
        self.files = {_module_name(file.name): file for file in self.directory.rglob("*.ko*")}
        builtin = (self.directory / "modules.builtin").read_text().split()
        self.builtin = {_module_name(pathlib.Path(line).name) for line in builtin}

    def in_load_order(self, names):
        """Name and content of each module wanted, and of what they need, those first."""
        order = {}

        def visit(name):
            if name in order or name in self.builtin:
                return
            if name not in self.files:
                raise SystemExit(f"initramfs: {self.directory.name} has no module {name}")
            content = _read(self.files[name])
            for dependency in _dependencies(content):
                visit(dependency)
            order[name] = content

        for name in names:
            visit(_module_name(name))
        return order.items()


def _module_name(file):
    """A module's name as the kernel spells it, from a name or a file's name."""
    return re.sub(r"\.ko(\.\w+)?$", "", file).replace("-", "_")


def _read(file):
    content = file.read_bytes()
    if file.suffix == ".xz":
        return lzma.decompress(content)
    if file.suffix != ".ko":
        raise SystemExit(f"initramfs: {file} is compressed in an unknown way")
    return content


def _dependencies(content):
    # The .modinfo section is a list of strings that end in a zero byte.
    match = re.search(rb"\0depends=([^\0]*)\0", content)
    return [_module_name(name) for name in match[1].decode().split(",") if name] if match else []


def main():
    parser = argparse.ArgumentParser(description="writes an initramfs")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--dir", action="append", default=[])
    parser.add_argument("--file", action="append", default=[], metavar="SOURCE=PATH")
    parser.add_argument("--link", action="append", default=[], metavar="TARGET=PATH")
    parser.add_argument("--kernel")
    parser.add_argument("--module", action="append", default=[])
    parser.add_argument("--module-list", action="append", default=[], metavar="NAME")
    options = parser.parse_args()

    archive = Archive()
    for path in options.dir:
        archive.directory(path)
    for source, path in (item.split("=") for item in options.file):
        file = pathlib.Path(source)
        executable = file.stat().st_mode & 0o100
        archive.add(path, stat.S_IFREG | (0o755 if executable else 0o644), file.read_bytes())
    for target, path in (item.split("=") for item in options.link):
        archive.add(path, stat.S_IFLNK | 0o777, target.encode())
    if options.kernel:
        modules = Modules(options.kernel)
        added = set()
        lists = {"order": options.module} | {f"{name}.order": [name] for name in options.module_list}
        for file, names in lists.items():
            order = []
            for name, content in modules.in_load_order(names):
                order.append(f"/lib/modules/{name}.ko")
                if name not in added:
                    added.add(name)
                    archive.add(order[-1], stat.S_IFREG | 0o644, content)
            archive.add(f"lib/modules/{file}", stat.S_IFREG | 0o644, "".join(f"{path}\n" for path in order).encode())
    options.output.write_bytes(archive.finish())


if __name__ == "__main__":
    sys.exit(main())
