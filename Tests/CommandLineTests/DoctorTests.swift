import Foundation
import Testing

@Suite struct DoctorTests {
    private static let works = """
        device=ok
        api-version=12
        cap-irqfd=yes
        cap-ioeventfd=yes
        cap-dirty-ring=no
        max-vcpus=1024
        memory-slots=32764
        physical-address-bits=40
        boots-linux=yes
        """

    /// The report without the line about the guest, which depends on the cache, and the exit status.
    private func doctor(_ probe: String) throws -> (lines: [String], status: Int32) {
        let installation = try TestInstallation(probe: probe)
        let outcome = try installation.swiftlet("doctor")
        #expect(outcome.errors == "")
        return (outcome.output.split(separator: "\n").map(String.init), outcome.status)
    }

    @Test func aHostThatCanDoEverything() throws {
        let (lines, status) = try doctor(Self.works)
        #expect(status == 0)
        #expect(
            lines == [
                "[ok]   /dev/kvm opens, with version 12 of its interface",
                "[ok]   1024 vCPUs a guest, 32764 memory slots, 40 physical address bits",
                "[ok]   KVM has irqfd, ioeventfd",
                "[note] KVM lacks dirty-ring",
                "       -> A newer kernel has it",
                "[ok]   KVM runs unmodified kernels",
                "[note] the guest for 'swiftlet run' without --kernel is not built",
                "       -> GuestImages/build",
            ] + limits(lines) + ["Linux guests can run on this host."])
    }

    /// What depends on the host's memory: see below.
    private func limits(_ lines: [String]) -> [String] {
        Array(lines.drop { !$0.contains("  memory: ") }.dropLast())
    }

    @Test func theLimitsOfMemoryAreTold() throws {
        let (lines, _) = try doctor(Self.works)
        let text = limits(lines).joined(separator: "\n")
        for name in [
            "  memory: ", "memory cgroup", "huge pages of 2M: ", "huge pages of 1G: ", "vm.max_map_count ",
            "vm.overcommit_memory ", "transparent huge pages: ", "NUMA: ", "/dev/net/tun ",
            "/dev/vhost-net ",
        ] {
            #expect(text.contains(name), "\(name)")
        }
    }

    private static let canChangeSettings: Bool =
        geteuid() == 0 && (try? TestInstallation().run(["unshare", "-m", "true"]).status) == 0

    /// Settings of a namespace of its own stand over the host's.
    private func doctor(seeing settings: [(file: String, text: String)]) throws -> String {
        let installation = try TestInstallation(probe: Self.works)
        var script = "set -e\n"
        for (index, setting) in settings.enumerated() {
            try installation.write("setting\(index)", Array(setting.text.utf8))
            script += "mount --bind setting\(index) \(setting.file)\n"
        }
        let outcome = try installation.run(["unshare", "-m", "sh", "-c", script + "./swiftlet doctor"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    @Test(.enabled(if: canChangeSettings, "needs root and mount namespaces"))
    func whatStandsInTheWayIsMended() throws {
        let text = try doctor(seeing: [
            ("/proc/sys/vm/max_map_count", "1000\n"), ("/proc/sys/vm/overcommit_memory", "2\n"),
            ("/sys/kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"),
            (
                "/proc/meminfo",
                "MemTotal: 2097152 kB\nMemAvailable: 102400 kB\nCommitLimit: 4096 kB\nCommitted_AS: 1024 kB\n"
            ),
        ])
        for lines in [
            "[note] memory: 100M of 2048M available, what guests can take together\n       -> Less than a guest has",
            "[note] vm.max_map_count 1000: a guest may have memory plugged in about 250 pieces\n"
                + "       -> sudo sysctl vm.max_map_count=65530\n",
            "[note] vm.overcommit_memory 2 (ratio ",
            " each plugged block count in full against 4M, of which 3M are left\n       -> sudo sysctl vm.over",
            "       -> echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled\n",
        ] {
            #expect(text.contains(lines), "\(lines)")
        }
    }

    @Test(.enabled(if: canChangeSettings, "needs root and mount namespaces"))
    func whatIsWellNeedsNothing() throws {
        let text = try doctor(seeing: [
            ("/proc/sys/vm/overcommit_memory", "1\n"),
            ("/sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never\n"),
            ("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "always within_size [advise] never\n"),
            ("/proc/meminfo", "MemTotal: 33554432 kB\nMemAvailable: 16777216 kB\n"),
        ])
        for line in [
            "[ok]   memory: 16G of 32G available, what guests can take together\n",
            "[ok]   vm.overcommit_memory 1: everything is promised, reserve=on means nothing\n",
            "[ok]   transparent huge pages: always for anonymous memory, advise for backend=memfd\n",
        ] {
            #expect(text.contains(line), "\(line)")
        }
    }

    @Test(.enabled(if: canChangeSettings, "needs root and mount namespaces"))
    func aTightCgroupIsNamed() throws {
        // A cgroup of version 1 that nobody made, by files alone.
        let installation = try TestInstallation(probe: Self.works)
        try FileManager.default.createDirectory(
            atPath: installation.directory + "/group/below", withIntermediateDirectories: true)
        let directory = installation.directory + "/group"
        let files: [(name: String, text: String)] = [
            ("group/memory.limit_in_bytes", "268435456\n"), ("group/memory.usage_in_bytes", "134217728\n"),
            ("group/memory.stat", "total_inactive_file 33554432\ntotal_active_file 0\n"),
            ("group/below/memory.limit_in_bytes", "9223372036854771712\n"),
            ("cgroup", "4:memory:/below\n"),
            ("mounts", "31 23 0:28 / \(directory) rw - cgroup cgroup rw,memory\n"),
        ]
        for file in files { try installation.write(file.name, Array(file.text.utf8)) }
        let script = """
            mount -t tmpfs none /mnt && cp cgroup mounts /mnt &&
            mount --bind /mnt/cgroup /proc/$$/cgroup && mount --bind /mnt/mounts /proc/$$/mountinfo &&
            exec ./swiftlet doctor
            """
        let outcome = try installation.run(["unshare", "-m", "sh", "-c", script])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.output.contains(
                "[note] memory cgroup \(directory): limit 256M, 160M left; guests that need more are killed\n"
                    + "       -> echo 4G | sudo tee \(directory)/memory.limit_in_bytes"))
    }

    @Test func theGuestThatWasBuiltIsNamed() throws {
        let installation = try TestInstallation(probe: Self.works)
        let guest = installation.directory + "/cache/guest/default"
        try FileManager.default.createDirectory(atPath: guest, withIntermediateDirectories: true)
        for file in ["vmlinuz", "initrd"] {
            try installation.write("cache/guest/default/\(file)", [1])
        }
        let outcome = try installation.swiftlet("doctor")
        #expect(
            outcome.output.contains("[ok]   the guest for 'swiftlet run' without --kernel is \(guest)/vmlinuz\n"))
    }

    @Test func aHostWithoutKVM() throws {
        let (lines, status) = try doctor("device=missing\nboots-linux=no\nreason=no /dev/kvm\n")
        #expect(status == 1)
        #expect(lines.first == "[no]   /dev/kvm is missing")
        #expect(lines.last == "Linux guests cannot run on this host.")
    }

    @Test func aUserWithoutPermission() throws {
        let (lines, status) = try doctor("device=denied\nboots-linux=no\n")
        #expect(status == 1)
        #expect(lines.first == "[no]   /dev/kvm: permission denied")
        #expect(
            lines[1]
                == "       -> Join the group that may use it, then log in again: sudo usermod -aG kvm $USER")
    }

    @Test func aHostWhoseKVMRunsNoUnmodifiedKernels() throws {
        let (lines, status) = try doctor(
            "device=ok\napi-version=12\nboots-linux=no\nreason=software KVM cannot run kernels\n")
        #expect(status == 1)
        #expect(lines.contains("[no]   software KVM cannot run kernels"))
        if FileManager.default.fileExists(atPath: "/sys/module/kvm_pvm") {
            #expect(lines.contains { $0.hasPrefix("       -> Tools/kvm-host ") })
        }
    }

    @Test func aDeviceThatIsSomethingElse() throws {
        let (lines, status) = try doctor("device=unusable\nreason=KVM_GET_API_VERSION: Inappropriate ioctl\n")
        #expect(status == 1)
        #expect(lines.first == "[no]   /dev/kvm cannot be used: KVM_GET_API_VERSION: Inappropriate ioctl")
    }

    @Test func aProbeThatSaysNothing() throws {
        let installation = try TestInstallation(standIn: "#!/bin/sh\nexit 3\n")
        let outcome = try installation.swiftlet("doctor")
        #expect(outcome.status == 1)
        #expect(
            outcome.errors
                == "swiftlet: \(installation.directory)/swiftlet-vmm --probe ended with status 3 and said nothing\n")
    }
}
