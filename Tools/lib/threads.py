"""What the threads of a process have used."""

import glob


def thread_times(pid):
    """Yields each thread's number and name, and the nanoseconds of processor time that the scheduler has counted for it."""
    for task in glob.glob(f"/proc/{pid}/task/*"):
        try:
            with open(f"{task}/comm", encoding="utf-8") as name, open(f"{task}/schedstat", encoding="utf-8") as times:
                found = int(task.rsplit("/", 1)[1]), name.read().strip(), int(times.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            # It has ended meanwhile.
            continue
        yield found


def processor_time(pid):
    """Milliseconds of all threads."""
    return sum(time for _, _, time in thread_times(pid)) / 1e6


def is_vcpu(name):
    """Whether a thread of that name runs a vCPU: Swiftlet's and the bare loop's are called vcpu0, QEMU's CPU 0/KVM."""
    return name.startswith(("vcpu", "CPU "))


def time_beside_vcpus(pid):
    """Nanoseconds of all threads but the vCPUs'."""
    return sum(time for _, name, time in thread_times(pid) if not is_vcpu(name))
