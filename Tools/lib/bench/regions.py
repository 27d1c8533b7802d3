"""Whether a larger region of a memory device makes a machine slower: processor time of a start, of a question about memory
devices and of a reset, with a region of 1 TiB and with one of 1 GiB, on this machine's /dev/kvm. Nothing is plugged."""

from bench.figures import SWIFTLET, Figure, in_turn
from bench.machines import Machine
from threads import processor_time

NAME = "regions"
ABOUT = "what a region of 1 TiB costs beside one of 1 GiB: start, query, reset"
IS_INSIDE = False
SMALL_NAME = "1 GiB"
SIZES = {SWIFTLET: "1T", SMALL_NAME: "1G"}
# What is in the noise of one run: "none visible".
MOST = 1.1
TURNS_A_ROUND = 4
QUERIES, RESETS = 200, 50


def cost(machine, command, count):
    """Milliseconds of processor time of one of many."""
    before = processor_time(machine.process.pid)
    for _ in range(count):
        machine.execute(command)
    return (processor_time(machine.process.pid) - before) / count


def measure(rounds, kernels):
    del kernels
    create, query, reset = (
        Figure(NAME, f"processor time of {what}, region 1 TiB", "milliseconds", ratios={SMALL_NAME: MOST})
        for what in ("a start", "a query", "a reset"))
    for number in range(rounds * TURNS_A_ROUND):
        for name, size in in_turn(SIZES.items(), number):
            with Machine(SWIFTLET, arguments=("--virtio-mem", f"id=vm0,size={size}")) as machine:
                create.add(name, processor_time(machine.process.pid))
                machine.execute("stop")
                query.add(name, cost(machine, "query-memory-devices", QUERIES))
                reset.add(name, cost(machine, "system_reset", RESETS))
    return [create, query, reset]
