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
                "Linux guests can run on this host.",
            ])
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
