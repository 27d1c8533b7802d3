import ArgumentParser
import Configuration
import KernelImage
import SystemPackage

/// `swiftlet doctor`: what this host can do.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Tell what this host can do, what is missing, and the command that mends it.",
        discussion: """
            EXAMPLES:
              swiftlet doctor
              swiftlet doctor && swiftlet run

            EXIT STATUS: 0 where Linux guests can run, else 1.
            """)

    func run() throws {
        let probe = try VMMProgram().probe()
        var findings = deviceFindings(probe)
        if probe["device"] == "ok" {
            findings += capabilityFindings(probe)
            findings.append(linuxFinding(probe))
        }
        findings.append(guestFinding())
        findings += HostLimits().findings + HostNetwork().findings
        for line in findings.flatMap(\.lines) {
            print(line)
        }
        let canRun = probe["device"] == "ok" && probe.bootsLinux
        print(canRun ? "Linux guests can run on this host." : "Linux guests cannot run on this host.")
        if !canRun {
            throw ExitCode.failure
        }
    }

    private func deviceFindings(_ probe: ProbeReport) -> [Finding] {
        switch probe["device"] {
        case "ok":
            [Finding(.good, "\(KVMDevice.path) opens, with version \(probe["api-version"]) of its interface")]
        case "missing":
            [
                Finding(
                    .bad, "\(KVMDevice.path) is missing", remedy: KVMDevice.remedyForMissing(on: HostProcessor.host))
            ]
        case "denied":
            [Finding(.bad, "\(KVMDevice.path): permission denied", remedy: KVMDevice.remedyForDenied)]
        case let other:
            [Finding(.bad, "\(KVMDevice.path) cannot be used: \(probe["reason"].isEmpty ? other : probe["reason"])")]
        }
    }

    private func capabilityFindings(_ probe: ProbeReport) -> [Finding] {
        var findings: [Finding] = []
        let limits = [
            ("max-vcpus", "vCPUs a guest"), ("memory-slots", "memory slots"),
            ("physical-address-bits", "physical address bits"),
        ].filter { !probe[$0.0].isEmpty }
        if !limits.isEmpty {
            findings.append(Finding(.good, limits.map { "\(probe[$0.0]) \($0.1)" }.joined(separator: ", ")))
        }
        let present = probe.capabilities.filter(\.isThere).map(\.name)
        if !present.isEmpty {
            findings.append(Finding(.good, "KVM has " + present.joined(separator: ", ")))
        }
        for capability in probe.capabilities where !capability.isThere {
            // Which of them guests can't do without is the probe's to say, in the line about Linux.
            findings.append(Finding(.notice, "KVM lacks \(capability.name)", remedy: "A newer kernel has it"))
        }
        return findings
    }

    private func linuxFinding(_ probe: ProbeReport) -> Finding {
        guard !probe.bootsLinux else { return Finding(.good, "KVM runs unmodified kernels") }
        let reason = probe["reason"].isEmpty ? "KVM does not run unmodified kernels" : probe["reason"]
        // Software KVM: /dev/kvm is there, and kernels get stuck in its instruction emulator.
        let isSoftware = (try? Stat("/sys/module/kvm_pvm" as FilePath)) != nil
        let remedy = isSoftware ? "Tools/kvm-host swiftlet run runs it in an emulated host" : nil
        return Finding(.bad, reason, remedy: remedy)
    }

    private func guestFinding() -> Finding {
        do {
            let guest = try DefaultGuest(root: KernelCache.standardRoot)
            return Finding(.good, "the guest for 'swiftlet run' without --kernel is \(guest.kernel)")
        } catch {
            return Finding(
                .notice, "the guest for 'swiftlet run' without --kernel is not built", remedy: "GuestImages/build")
        }
    }
}
