"""Tests of the API with a Linux guest, in an emulated host."""

import concurrent.futures
import os

from api_client import GIB, MIB, PATIENCE, QMP, Server, resident, wait_until
from api_crowd import flood, rude_clients


def linux(server):
    cache = os.environ.get("SWIFTLET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swiftlet")
    guest = os.path.join(cache, "guest", "6.1")
    return {
        "payload": {"kernel": f"{guest}/vmlinuz", "initramfs": f"{guest}/initrd", "cmdline": "quiet init_on_alloc=0"},
        "serial": {"mode": "File", "file": str(server.directory / "serial")}}


def wait_for_guest(server, times):
    path = server.directory / "serial"
    wait_until(
        lambda: path.exists() and path.read_text(errors="replace").count("swiftlet guest ready: ") >= times,
        f"the guest is ready {times} times", PATIENCE)


def check_sizes(client, qmp, boot, sizes):
    """Waits until a guest has what it is asked to have, and looks at it from both sides."""
    total = boot + sum(sizes.values())
    wait_until(
        lambda: client.call("vm.info")["memory_actual_size"] == total, f"the guest has {sizes}", PATIENCE)
    seen = {name: (device["requested-size"], device["size"]) for name, device in qmp.devices().items()}
    assert seen == {name: (size, size) for name, size in sizes.items()}, seen
    summary = qmp("query-memory-size-summary")
    assert summary["base-memory"] + summary["plugged-memory"] == total, summary
    counters = client.call("vm.counters")
    assert {name: device["plugged_bytes"] for name, device in counters.items()} == sizes, counters


def guest_is_resized_as_a_whole():
    with Server(qmp=True) as server:
        client = server.client()
        boot = 256 * MIB
        client.call("vm.create", linux(server) | {
            "memory": {"size": boot, "hotplug_size": 2 * GIB, "hotplug_method": "VirtioMem"}})
        client.call("vm.boot")
        with QMP(server.qmp) as qmp:
            wait_for_guest(server, 1)
            for size in (GIB, 256 * MIB, 2 * GIB, 0):
                client.call("vm.resize", {"desired_ram": boot + size})
                check_sizes(client, qmp, boot, {"mem0": size})
            client.call("vm.pause")
            assert qmp.status() == "paused" and client.state() == "Paused"
            client.call("vm.resize", {"desired_ram": boot + 512 * MIB})
            assert qmp.devices()["mem0"]["requested-size"] == 512 * MIB
            client.call("vm.resume")
            check_sizes(client, qmp, boot, {"mem0": 512 * MIB})
            client.call("vm.reboot")
            wait_for_guest(server, 2)
            check_sizes(client, qmp, boot, {"mem0": 512 * MIB})
            client.call("vm.power-button")
        wait_until(lambda: client.state() in ("Shutdown", "Running"), "the guest hears of the power button")
        client.call("vm.delete")
        assert client.refusal("vm.info").status == 404


def guest_is_resized_zone_by_zone():
    with Server(qmp=True) as server:
        client = server.client()
        boot = 256 * MIB
        zones = [{"id": "near", "size": boot, "hotplug_size": GIB}, {"id": "far", "size": 0, "hotplug_size": GIB}]
        client.call("vm.create", linux(server) | {
            "memory": {"size": 0, "zones": zones},
            "numa": [{"guest_numa_id": 0, "cpus": [0], "memory_zones": ["near"]},
                     {"guest_numa_id": 1, "memory_zones": ["far"]}]})
        client.call("vm.resize-zone", {"id": "near", "desired_ram": boot + 128 * MIB})
        client.call("vm.boot")
        with QMP(server.qmp) as qmp:
            wait_for_guest(server, 1)
            sizes = {"near": 128 * MIB, "far": 0}
            check_sizes(client, qmp, boot, sizes)
            for name, size in (("far", 512 * MIB), ("near", 512 * MIB), ("far", 0), ("near", 0)):
                sizes[name] = size
                client.call("vm.resize-zone", {"id": name, "desired_ram": size + (boot if name == "near" else 0)})
                check_sizes(client, qmp, boot, sizes)
            client.call("vm.shutdown")
        assert client.state() == "Shutdown"
        client.call("vm.delete")


def guest_is_resized_beside_a_crowd():
    with Server() as server:
        client = server.client()
        boot = 256 * MIB
        client.call("vm.create", linux(server) | {"memory": {"size": boot, "hotplug_size": GIB}})
        client.call("vm.boot")
        wait_for_guest(server, 1)
        machine, = server.children()

        def resize(size):
            client.call("vm.resize", {"desired_ram": boot + size})
            return wait_until(
                lambda: client.call("vm.info")["memory_actual_size"] == boot + size, f"the guest has {size}", PATIENCE)

        def resize_some():
            return max(resize(size) for size in (512 * MIB, 0) * 2)

        alone, memory = resize_some(), resident(machine)
        clients = rude_clients(server.socket)
        beside = resize_some()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            flooding = pool.submit(flood, server.socket, 100)
            flooded = resize_some()
            sent = flooding.result()
        for rude in clients:
            rude.close()
        print(f"      512 MiB take {alone:.2f} s at most alone, {beside:.2f} s beside 50 rude clients, {flooded:.2f} s in a flood"
              f" of {sent >> 20} MiB; the VM's process grew by {(resident(machine) - memory) >> 10} KiB")
        # The clients run on the host's one processor, too.
        assert beside < 2 * alone + 2 and flooded < 4 * alone + 2, (alone, beside, flooded)


INSIDE = [guest_is_resized_as_a_whole, guest_is_resized_zone_by_zone, guest_is_resized_beside_a_crowd]
