"""Compiles hand-written guests (Tests/Guests), and the bare loop that serves them, for scripts."""

import os

from script import run_checked

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
GUESTS = os.path.join(ROOT, "Tests", "Guests")
# As Tests/MachineTests/GuestCompiler.swift has them.
FLAGS = (
    "--target=x86_64-unknown-none-elf -std=c17 -O2 -Wall -Wextra -Werror -ffreestanding -nostdlib -fno-pic -fno-pie"
    " -static -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables -fuse-ld=lld"
).split()


def compile_guest(name, image, *flags):
    """Makes the image of a guest: an ELF file, unless the flags say otherwise."""
    sources = [os.path.join(GUESTS, source) for source in ("start.S", "guest.c", f"{name}.c")]
    run_compiler(image, *FLAGS, *flags, f"-Wl,-T,{os.path.join(GUESTS, 'guest.ld')}", *sources)


def compile_bare_loop(program):
    """Makes the loop in C that serves a hand-written guest with the necessary calls and no others."""
    source = os.path.join(ROOT, "Tests", "Benchmarks", "bare-plug.c")
    run_compiler(program, "-O2", "-Wall", "-Wextra", "-Werror", source, "-lpthread")


def run_compiler(output, *words):
    # An interrupted compiler leaves its temporary files, which go with the directory.
    environment = {**os.environ, "TMPDIR": os.path.dirname(os.path.abspath(output))}
    run_checked(["clang", "-o", output, *words], env=environment)
