"""What Tools/test does, in which order."""

import concurrent.futures
import glob
import os

from toolchain import use_swift

from .parts import BUNDLE, Command, FullTests, GuestTests, SwiftTests, ToolTest, commands, run_command, tail

FORMAT_COMMAND = ["swift", "format", "lint", "--strict", "--recursive", "Sources", "Tests", "Package.swift"]
# What takes part in the run of tests that need neither guests nor a virtual machine.
FULL_SHUFFLE = r"^MachineTests\.FullShuffleTests/"
NOT_UNIT = ["--skip", r"^EndToEnd\.", "--skip", r"^KVMTests\.", "--skip", FULL_SHUFFLE]
# Seconds that the scripts of Tests/Tools take about; what is not named here takes little.
TOOL_TEST_SECONDS = {
    "api-test": 180, "kvm-host-test": 100, "guest-image-test": 120, "fuzz-test": 60, "qmp-test": 100,
    "terminal-test": 40, "examples-test": 50,
    "disk-crash-test": 80, "scenario-test": 400, "bench-test": 130}
# What they are given in the quick set.
TOOL_TEST_ARGUMENTS = {"guest-image-test": ["--kernel", "6.1"]}
# Those of them that start two hosts themselves.
BUSY_TOOL_TESTS = {"kvm-host-test", "disk-crash-test"}
# What Tools/fuzz has to fuzz, and for how many seconds.
FUZZ_TARGETS = {
    "virtqueue": 30, "mmio": 30, "memory-device": 30, "net": 10, "vsock": 10, "block": 5, "console": 5, "balloon": 5,
    "rng": 5, "fs": 10}
# One emulated host has one processor, and more than two hosts slow each other down.
HOSTS_AT_ONCE = max(1, min(2, len(os.sched_getaffinity(0))))


class WrongUsage(Exception):
    """A wrong command line."""


def all_parts():
    """Every part, in the order in which they are listed."""
    parts = [
        Command("format", "sources are formatted", FORMAT_COMMAND, 30, 600),
        SwiftTests("unit", "tests that need no KVM", NOT_UNIT, 60, 1200),
        SwiftTests("kvm", "tiny guests on this machine's /dev/kvm", ["--filter", r"^KVMTests\."], 30, 900),
    ]
    for path in sorted(glob.glob("Tests/Tools/*-test")):
        name = os.path.basename(path)
        seconds = TOOL_TEST_SECONDS.get(name, 30)
        arguments = TOOL_TEST_ARGUMENTS.get(name, ())
        parts.append(ToolTest(path, seconds, 300 + 6 * seconds, name in BUSY_TOOL_TESTS, arguments))
        parts[-1].needs_fuzzer = name == "fuzz-test"
    for target, seconds in FUZZ_TARGETS.items():
        command = ["Tools/fuzz", target, str(seconds)]
        parts.append(
            Command(f"fuzz-{target}", f"{seconds} s of fuzzing", command, seconds + 5, 600, fuzzer=True))
        parts[-1].is_alone = False

    def guests(name, title, *suites, seconds, **options):
        parts.append(GuestTests(name, title, suites, seconds, **options))

    guests("kvm-emulated", "tiny guests in an emulated KVM host", "KVMTests", seconds=15)
    guests(
        "hostile", "guests that touch unplugged memory, in an emulated KVM host", "MachineTests.GuestAgentTests",
        "MachineTests.ViolationTests", "MachineTests.ContainmentTests", seconds=260)
    guests("boot", "kernels boot, with 1, 2 and 4 vCPUs", "EndToEnd.BootTests", seconds=150)
    guests("resize", "three devices in three nodes", "EndToEnd.ResizeTests", seconds=80)
    guests("reset", "resets, reboots and panics", "EndToEnd.ResetTests", seconds=80)
    guests("returned-memory", "memory comes back to the host", "EndToEnd.ReturnedMemoryTests", seconds=70)
    guests(
        "stall", "a resize that stalls is explained, and goes on", "EndToEnd.StallTests", "EndToEnd.ComingBackTests",
        seconds=135)
    guests(
        "backings", "memory of every kind, and memory that is broken", "EndToEnd.BackingTests",
        "HostTests.HostMemoryErrorTests", "MachineTests.BackingMachineTests", seconds=90,
        # A page of 1 GiB is surely to be had only while the host starts.
        host_options=["--memory", "7G", "--append", "hugepagesz=1G hugepages=1"])
    guests(
        "huge-pages", "memory of huge pages, also for drivers that read unplugged memory", "HostTests.BackingTests",
        "GuestMemoryTests.ElasticBackingTests", "MachineTests.UnpluggedReaderTests", seconds=60,
        host_options=["--append", "hugepages=128"])
    newer, older = {"kernel": "6.12"}, {"kernel": "6.1", "is_full": True}
    guests("agent", "commands and files through the guest agent", "EndToEnd.AgentTests", seconds=60, **newer)
    guests("disks", "disks and random numbers", "EndToEnd.DiskTests", seconds=70, **newer)
    guests("root-disks", "guests whose root is a disk", "EndToEnd.RootDiskTests", seconds=100, **newer)
    network, vsock, files = "EndToEnd.NetworkTests", "EndToEnd.VsockTests", "EndToEnd.FileSystemTests"
    guests(
        "network", "network cards", f"{network}/severalQueues", f"{network}/plainFramesRestartsAndALostTap",
        f"{network}/tapsThatCannotBeHad", seconds=110, **newer)
    guests(
        "vsock", "sockets between guest and host", f"{vsock}/whatCannotBeReachedIsClosed",
        f"{vsock}/slowProgramsHoldNobodyUp", f"{vsock}/noDescriptorsToSpare", seconds=70, **newer)
    guests(
        "file-systems", "directories of the host", f"{files}/aKilledServerIsReplacedAfterAReset",
        f"{files}/aDirectoryIsARoot", f"{files}/readOnlyIsReadOnly", f"{files}/whatCannotBeIsTold",
        f"{files}/usersShareToo", seconds=140, **newer)
    guests("virtio-console", "the virtio console", "EndToEnd.VirtioConsoleTests", seconds=70, **newer)
    guests("sound-memory", "memory keeps what it holds", "EndToEnd.SoundMemoryTests", seconds=60)
    guests(
        "console", "console, monitor and refusals", "EndToEnd.ConsoleTests", "EndToEnd.MonitorTests",
        "EndToEnd.RefusalTests", "EndToEnd.DoctorTests", seconds=70)
    guests(
        "named-machines", "machines driven by their names", "EndToEnd.NamedMachineTests", "EndToEnd.DetachedMachineTests",
        seconds=130)
    guests("many-devices", "64 devices", "EndToEnd.ManyDevicesTests", seconds=60)
    guests(
        "resizing", "block sizes, online policies, holes, and sizes that change all the time", "EndToEnd.BlockSizeTests",
        "EndToEnd.OnlinePolicyTests", "EndToEnd.GoodGuestTests", "EndToEnd.ResizeStormTests", seconds=180)
    guests(
        "restarts", "kexec, kdump, and drivers that come and go", "EndToEnd.KexecTests", "EndToEnd.KdumpTests",
        "EndToEnd.DriverBindingTests", seconds=150)
    full = {"is_full": True}
    for target in FUZZ_TARGETS:
        # Apart from what the quick set's few seconds find at the same time.
        found = f".build/fuzz/found/full-{target}"
        parts.append(
            Command(
                f"full-fuzz-{target}", "ten minutes of fuzzing", ["Tools/fuzz", "--output", found, target, "600"], 605, 1200,
                fuzzer=True, **full))
        parts[-1].is_alone = False
    parts.append(FullTests("full-shuffle", "100,000 operations of a driver", ["--filter", FULL_SHUFFLE], 300, 1800))
    guests("full-boot", "the other combinations of kernels and vCPUs", "EndToEnd.FullBootTests", seconds=100, **full)
    guests("full-memory", "memory, with the other kernels", "EndToEnd.FullMemoryTests", seconds=250, **full)
    guests("full-reset", "ten resets, with the other kernel", "EndToEnd.FullResetTests", seconds=150, **full)
    guests(
        "full-resizing", "resizes, with the other kernels, and beside a workload", "EndToEnd.FullResizingTests",
        "EndToEnd.BusyMemoryTests", seconds=250, **full)
    guests(
        "full-restarts", "kexec, kdump and drivers, with the other kernels", "EndToEnd.FullRestartTests", seconds=150,
        **full)
    # Emulated hosts hang now and then: a part of many boots is better two.
    guests("ten-resets", "ten resets in a row", "EndToEnd.RepeatedResetTests", seconds=240, **full)
    guests(
        "full-devices", "disks, consoles and the agent, with the other kernel", "EndToEnd.AgentTests",
        "EndToEnd.DiskTests/disksKeepWhatTheyAreGiven", "EndToEnd.RootDiskTests/whatIsWrittenIsThereAfterAReboot",
        "EndToEnd.VirtioConsoleTests", seconds=250, **older)
    guests(
        "exec-load", "many commands in a guest, and nothing left of them", "EndToEnd.ExecLoadTests", seconds=700, **full)
    guests("full-vsock", "a thousand sockets", f"{vsock}/aThousandConnectionsEachWay", seconds=180, **full)
    guests("full-network", "checksums of what cards carry", f"{network}/nothingIsLost", seconds=250, **full)
    guests(
        "full-file-systems", "directories while memory is resized", f"{files}/filesAreSoundWhileMemoryIsResized",
        f"{files}/aDirectoryIsARoot", seconds=200, **full)
    for name, kernel in ("all-devices", "6.12"), ("all-devices-6.1", "6.1"):
        guests(
            name, f"all devices at work in one machine, Linux {kernel}", "EndToEnd.AllDevicesTests", seconds=700,
            kernel=kernel, **full)
    guests("full-balloon", "the balloon, and free pages", "EndToEnd.BalloonTests", seconds=540, **full)
    guests(
        "reboot-storm", "ten restarts while sizes change, with each kernel", "EndToEnd.RebootStormTests", seconds=250,
        **full)
    guests(
        "scale", "a region of 1 TiB", "EndToEnd.ScaleTests", seconds=150, host_options=["--phys-bits", "48"], **full)
    chains = ["env", "SWIFTLET_CHAINS=100000", BUNDLE, "--testing-library", "swift-testing"]
    parts.append(
        Command(
            "random-chains", "100,000 malformed chains from a guest",
            [*chains, "--filter", "MachineTests.ContainmentTests/randomChains"], 120, 2400, is_full=True, build=True))
    agent = ["env", "SWIFTLET_AGENT_COMMANDS=10000", "SWIFTLET_AGENT_MEGABYTES=1024", BUNDLE]
    parts.append(
        Command(
            "agent-load", "10,000 commands of the guest agent, and a gigabyte through one",
            [*agent, "--testing-library", "swift-testing", "--filter", "AgentTests.LoadTests"], 200, 2400, is_full=True,
            build=True))
    needs = {"is_full": True, "release": True, "images": True}
    tools = [
        ("full-guest-image", "the guest image, with the other kernel", ["guest-image-test", "--kernel", "6.12"], 130),
        ("full-qmp", "QMP beside a hundred clients that send garbage", ["qmp-test", "--full", "crowd"], 170),
        ("full-scenarios", "the library of scenarios", ["scenario-test", "--full"], 2400),
        ("full-kvm-host", "hosts that stand still", ["kvm-host-test", "stands_still"], 130)]
    for name, title, (tool, *arguments), seconds in tools:
        command = [f"Tests/Tools/{tool}", *arguments]
        parts.append(Command(name, title, command, seconds, 300 + 6 * seconds, **needs))
    schemathesis = ["Tests/Tools/api-test", "--full", "schemathesis"]
    parts.append(Command("full-api", "many requests that schemathesis makes up", schemathesis, 600, 3600, **needs))
    crashes = ["Tests/Tools/disk-crash-test", "--crashes", "20"]
    parts.append(Command("full-disk-crash", "what is flushed outlives 20 hosts", crashes, 500, 3600, **needs))
    parts.append(Command("bench-disk", "disks as fast as QEMU's", ["Tools/bench-disk"], 200, 3600, **needs))
    parts.append(Command("bench-net", "networks as fast as QEMU's", ["Tools/bench-net"], 400, 3600, **needs))
    parts.append(
        Command("bench-vsock", "sockets and commands as fast as QEMU's", ["Tools/bench-vsock"], 150, 2400, **needs))
    parts.append(Command("demo", "the demonstration", ["Tools/demo"], 100, 1500, **needs))
    parts.append(
        Command(
            "bench", "starts, boots, memory and exits cost what they may",
            ["Tools/bench", "start", "memory", "regions", "device", "exits", "boot"], 400, 3600, **needs))
    parts.append(
        Command("bench-resize", "memory comes back sooner than with QEMU", ["Tools/bench-resize"], 400, 3600, **needs))
    parts.append(
        Command(
            "bench-plug", "plugging costs little more than the calls that it takes", ["Tools/bench-plug"], 250, 1800,
            is_full=True, release=True))
    return parts


class Plan:
    """The parts to run, as the command line says."""

    def __init__(self, arguments, root):
        self.root = root
        self.only_lists = False
        self.may_skip = False
        self.parts = all_parts()
        is_full, names = False, []
        for argument in arguments:
            if argument == "--full":
                is_full = True
            elif argument == "--without-guests":
                self.may_skip = True
            elif argument == "--list":
                self.only_lists = True
            elif argument.startswith("-"):
                raise WrongUsage(f"unknown option {argument}")
            else:
                names.append(argument)
        unknown = set(names) - {part.name for part in self.parts}
        if unknown:
            raise WrongUsage(f"there is no part {', '.join(sorted(unknown))} (--list says which there are)")
        if not self.only_lists:
            self.parts = [part for part in self.parts if part.name in names or (not names and is_full >= part.is_full)]

    def print_parts(self):
        for part in self.parts:
            print(f"{part.name:18} {'full ' if part.is_full else 'quick'}  about {part.seconds:3} s  {part.title}")

    def run(self, report):
        """Runs everything, unless the preparation fails."""
        try:
            if self.prepare(report):
                self.run_parts(report)
        except BaseException:
            commands.stop()
            raise

    def run_parts(self, report):
        for part in self.parts:
            part.may_skip = self.may_skip
            if part.is_alone:
                part.run(report)
        # The longest first, so that both are done at about the same time.
        rest = sorted((part for part in self.parts if not part.is_alone), key=lambda part: -part.seconds)
        with concurrent.futures.ThreadPoolExecutor(HOSTS_AT_ONCE) as pool:
            try:
                for done in [pool.submit(part.run, report) for part in rest]:
                    done.result()
            except BaseException:
                # Otherwise the pool waits for all of them.
                pool.shutdown(wait=False, cancel_futures=True)
                commands.stop()
                raise

    def prepare(self, report):
        """Installs and builds what the parts need.

        Returns whether all of that worked.
        """

        def is_needed(attribute):
            return any(getattr(part, attribute) for part in self.parts)

        self.find_swift()
        steps = [Command("setup", "what building and testing needs", ["Tools/setup"], 5, 1800)]
        if is_needed("needs_build"):
            build = ["swift", "build", "--build-tests"]
            steps.append(Command("build", "debug build, with tests", build, 300, 2400))
        if is_needed("needs_fuzzer"):
            steps.append(Command("fuzzer", "instrumented build, for fuzzing", ["Tools/fuzz", "--build"], 60, 2400))
        if is_needed("needs_release"):
            steps.append(Command("release", "release build", ["Tools/build"], 200, 2400))
        if is_needed("needs_images"):
            steps.append(Command("images", "guest images", ["GuestImages/build", "--kdump", "--root-disk"], 60, 1800))
        if is_needed("needs_guests"):
            command = ["GuestImages/build", "--kvm-host"]
            steps.append(Command("kvm-host-image", "the emulated KVM host's image", command, 60, 1800))
        for step in steps:
            report.say(f"{step.name}: {step.title}")
            log = report.log_path(step.name)
            open(log, "wb").close()
            status = run_command(step.command, log, step.limit)
            if status != 0:
                report.say(tail(log))
                report.fail(step.name, f"status {status}")
                return False
            # The setup may just have installed it.
            self.find_swift()
        return True

    def find_swift(self):
        """Puts the toolchain that Tools/setup installed into PATH, as the other scripts do."""
        use_swift(self.root)
