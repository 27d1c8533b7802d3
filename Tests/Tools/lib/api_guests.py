"""Tests of the API with a Linux guest, in an emulated host."""

import concurrent.futures
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess

from api_client import GIB, MIB, PATIENCE, QMP, Server, is_alive, put_passing, resident, wait_until
from api_crowd import flood, rude_clients


def cache():
    """Where GuestImages/build puts what it builds."""
    return os.environ.get("SWIFTLET_CACHE") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swiftlet")


def guest_directory():
    return os.path.join(cache(), "guest", "6.1")


def root_disk():
    return os.path.join(cache(), "root", "6.1", "root.img")


def linux(server):
    guest = guest_directory()
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


class Shell:
    """The shell on a guest's serial port, over a socket."""

    def __init__(self, end):
        self.end, self.seen, self.count = end, b"", 0
        end.settimeout(PATIENCE)

    def wait_for(self, text):
        while text not in self.seen:
            data = self.end.recv(65536)
            assert data, f"the serial port ends: {self.seen[-2000:]!r}"
            self.seen += data
        before, _, self.seen = self.seen.partition(text)
        return before

    def __call__(self, command):
        """Runs a command; returns what it writes."""
        self.count += 1
        # What is typed is shown, too: there, the marks have quotes in them.
        self.end.sendall(f"echo BEG''IN{self.count}; {command}; echo EN''D{self.count}\n".encode())
        self.wait_for(f"BEGIN{self.count}\r\n".encode())
        return self.wait_for(f"END{self.count}\r\n".encode()).decode().replace("\r\n", "\n").strip()


def open_tap(name):
    """A tap as Kata Containers makes one: with virtio's headers, for several queues, of which one is opened."""
    flags = 0x0002 | 0x0100 | 0x1000 | 0x4000
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", name.encode(), flags))
    for command in (f"addr add 10.9.8.1/24 dev {name}", f"link set {name} up"):
        subprocess.run(["ip", *command.split()], check=True)
    return tap


def pod_runs_as_kata_containers_starts_it():
    """The requests that its clh backend makes for a pod, with the fields that its client sends."""
    near, far = socket.socketpair()
    with near, far, Server("-v", program="cloud-hypervisor", command=(), terminal=far.fileno()) as server:
        client, guest = server.client(), guest_directory()
        shared = server.directory / "shared"
        shared.mkdir()
        (shared / "hello").write_text("from the host\n")
        volume = server.directory / "volume.img"
        volume.write_bytes(b"volume".ljust(MIB, b"\0"))
        fs_socket, vsock = str(server.directory / "virtiofsd.sock"), str(server.directory / "clh.sock")
        daemon = subprocess.Popen(
            ["/usr/lib/qemu/virtiofsd", f"--socket-path={fs_socket}", "-o", f"source={shared}", "-o", "cache=auto"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        tap = open_tap("tap0_kata")
        try:
            wait_until(lambda: os.path.exists(fs_socket), "virtiofsd listens")
            client.call("vmm.ping")
            disk = {"direct": False, "iommu": False, "vhost_user": False, "backing_files": False, "sparse": True,
                    "image_type": "Raw", "readonly": True}
            boot = 512 * MIB
            client.call("vm.create", {
                "payload": {
                    "kernel": f"{guest}/vmlinuz", "initramfs": f"{guest}/initrd",
                    "cmdline": "root=/dev/vda1 rootflags=data=ordered,errors=remount-ro ro rootfstype=ext4 panic=1"
                               " no_timer_check noreplace-smp console=ttyS0,115200n8 init_on_alloc=0"},
                "platform": {"num_pci_segments": 2},
                "cpus": {"boot_vcpus": 1, "max_vcpus": 8, "kvm_hyperv": False, "nested": True, "topology": {
                    "threads_per_core": 1, "cores_per_die": 8, "dies_per_package": 1, "packages": 1}},
                "memory": {"size": boot, "hotplug_size": 4 * GIB, "mergeable": False, "hotplug_method": "Acpi",
                           "shared": True, "hugepages": False, "prefault": False, "thp": True},
                "disks": [disk | {"path": root_disk(), "num_queues": 1, "queue_size": 128},
                          disk | {"path": str(volume), "num_queues": 1, "queue_size": 1024}],
                "fs": [{"tag": "kataShared", "socket": fs_socket, "num_queues": 1, "queue_size": 1024, "pci_segment": 1}],
                "vsock": {"cid": 3, "socket": vsock, "iommu": False},
                "rng": {"src": "/dev/urandom", "iommu": False}, "serial": {"mode": "Tty", "iommu": False},
                "console": {"mode": "Off", "iommu": False}, "iommu": False, "watchdog": False, "pvpanic": False,
                "landlock_enable": False})
            assert client.state() == "Created"
            card = {"ip": "192.168.249.1", "mask": "255.255.255.0", "mac": "02:00:ca:fe:00:01", "iommu": False,
                    "num_queues": 2, "queue_size": 256, "vhost_user": False, "vhost_mode": "Client", "offload_tso": True,
                    "offload_ufo": True, "offload_csum": True}
            assert put_passing(server.socket, "vm.add-net", [(card, [tap])]) == [(204, None)]
            os.close(tap)
            tap = None
            client.call("vm.boot")
            info = client.call("vm.info")
            assert info["state"] == "Running" and info["memory_actual_size"] == boot, info
            shell = Shell(near)
            shell.wait_for(b"swiftlet guest ready: ")
            shell.wait_for(b"guest# ")
            check_devices(shell)
            check_vsock(shell, vsock)
            for size in (GIB, 3 * GIB, 128 * MIB):
                client.call("vm.resize", {"desired_ram": boot + size})
                info = client.call("vm.info")
                assert info["config"]["memory"]["size"] == boot, info
                wait_until(
                    lambda size=size: client.call("vm.info")["memory_actual_size"] == boot + size, f"it has {size}",
                    PATIENCE)
            check_vsock(shell, vsock)
            machine, = server.children()
            server.process.send_signal(signal.SIGTERM)
            assert server.wait() == 0, server.log()
            wait_until(lambda: not is_alive(machine), "the VM's process is gone")
            assert not os.path.exists(vsock) and not os.path.exists(server.socket)
            assert daemon.wait(30) == 0
            wait_until(lambda: not os.path.exists("/sys/class/net/tap0_kata"), "the tap is gone with its last queue")
        finally:
            if tap is not None:
                os.close(tap)
            if daemon.poll() is None:
                daemon.kill()
                daemon.wait()


def check_devices(shell):
    """Looks at a pod's devices from within its guest, whose kernel also writes to the console."""
    for command, wanted in (
            ("mkdir -p /a /b && mount -t ext4 -o ro /dev/vda /a && cat /a/etc/os-release", "Debian GNU/Linux 12 (bookworm)"),
            ("head -c 6 /dev/vdb", "volume"), ("cat /sys/block/vdb/ro", "1"),
            ("mount -t virtiofs kataShared /b && cat /b/hello && echo from the guest >/b/answer", "from the host"),
            ("cat /sys/class/net/eth0/address", "02:00:ca:fe:00:01"),
            ("ip link set eth0 up; ip addr add 10.9.8.2/24 dev eth0; ping -c 3 -w 20 10.9.8.1", " 0% packet loss"),
            ("cat /sys/class/misc/hw_random/rng_current", "virtio_rng.0")):
        said = shell(command)
        assert wanted in said, f"{command}: {said}"


def check_vsock(shell, path):
    """Reaches a program of the guest through the hybrid vsock, as its agent is reached."""
    shell("pidof vsock-echo >/dev/null || (vsock-echo 5000 >/tmp/echo 2>&1 &); until grep -q listening /tmp/echo; do sleep 0.1; done")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        connection.sendall(b"CONNECT 5000\n")
        stream = connection.makefile("rb")
        assert re.fullmatch(rb"OK \d+\n", stream.readline())
        sent = os.urandom(1 << 16)
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert stream.read() == sent
        stream.close()


INSIDE = [pod_runs_as_kata_containers_starts_it, guest_is_resized_as_a_whole, guest_is_resized_zone_by_zone, guest_is_resized_beside_a_crowd]
