# What the scripts share. Source it: . "$(dirname -- "$0")/lib/common.sh"
# shellcheck shell=bash

set -euo pipefail

# The program's name, as it stands in front of its messages.
program=${0##*/}

# What is built once and used often (guest images, unpacked kernels) lives here, outside the tree.
cache_root=${SWIFTLET_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set: set it, or SWIFTLET_CACHE}/.cache}/swiftlet}

# say TEXT…: tells the person who started the script what happens now. Standard output is left to results.
say() { printf '%s: %s\n' "$program" "$*" >&2; }

# die TEXT…: says why the script can't go on, and ends it.
die() {
    say "error: $*"
    exit 1
}

# usage_error TEXT…: the same for wrong options, with the status that sysexits.h gives them.
usage_error() {
    say "error: $*"
    say "see $program --help"
    exit 64
}

# have COMMAND: whether the command is there.
have() { command -v -- "$1" >/dev/null 2>&1; }

# print_help: prints the comment that opens the script, which is its documentation.
print_help() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; }

# Where Tools/setup puts Swift when the system has none.
swift_homes=(/opt/swift "${HOME:-/root}/.local/share/swiftlet/swift")

# use_swift: makes the first toolchain found in those places the one that `swift` starts.
use_swift() {
    local home
    have swift && return 0
    for home in "${swift_homes[@]}"; do
        if [[ -x $home/usr/bin/swift ]]; then
            PATH=$home/usr/bin:$PATH
            return 0
        fi
    done
    return 1
}

# How release binaries are built. Static binaries have no use for paths to the toolchain's libraries, and crash at start
# where those are compiled in. Without symbols (-s) they are half the size.
release_options=(-c release --static-swift-stdlib --disable-local-rpath -Xlinker -s)
