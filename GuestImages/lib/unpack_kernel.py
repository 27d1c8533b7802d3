#!/usr/bin/env python3
"""Takes the ELF vmlinux out of a bzImage.

usage: unpack_kernel.py BZIMAGE OUTPUT

The setup header says where the compressed payload is (kernel: Documentation/arch/x86/boot.rst, payload_offset and
payload_length). Behind a payload that doesn't tell its own unpacked size, the kernel's build appends four bytes
that do; they are used as a check.
"""

import lzma
import pathlib
import struct
import subprocess
import sys
import zlib


def unpack_with(*command):
    def unpack(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout

    return unpack


# First bytes, how to unpack, and whether the unpacked size is appended.
FORMATS = [
    (b"\x1f\x8b", lambda data: zlib.decompressobj(wbits=31).decompress(data), False),
    (b"\xfd7zXZ\0", lzma.decompress, True),
    (b"\x28\xb5\x2f\xfd", unpack_with("zstd", "-dcq", "--long=31"), True),
    (b"\x02\x21\x4c\x18", unpack_with("lz4", "-dcq"), True),
]


def unpack_kernel(image):
    if len(image) < 0x260 or image[0x202:0x206] != b"HdrS":
        raise SystemExit("unpack_kernel: not a bzImage")
    (version,) = struct.unpack_from("<H", image, 0x206)
    if version < 0x208:
        raise SystemExit(f"unpack_kernel: boot protocol {version >> 8}.{version & 255} has no payload_offset")
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start : start + length]
    for magic, unpack, appended in FORMATS:
        if payload.startswith(magic):
            kernel = unpack(payload[:-4] if appended else payload)
            if appended and len(kernel) != struct.unpack("<I", payload[-4:])[0]:
                raise SystemExit("unpack_kernel: the payload did not unpack to its size")
            if not kernel.startswith(b"\x7fELF"):
                raise SystemExit("unpack_kernel: the payload is not ELF")
            return kernel
    raise SystemExit(f"unpack_kernel: unknown compression, first bytes {payload[:6].hex()}")


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    pathlib.Path(sys.argv[2]).write_bytes(unpack_kernel(pathlib.Path(sys.argv[1]).read_bytes()))


if __name__ == "__main__":
    main()
