import Host
import KVM
import SystemPackage

/// What this host's KVM can do, as lines of `key=value`: for the front end, which has no KVM code.
struct Probe {
    private var lines: [String] = []

    /// Asks the host.
    init() {
        do throws(KVMError) {
            let system = try KVMSystem()
            add("device", "ok")
            add("api-version", "12")
            examine(system)
        } catch {
            switch error {
            case .device(_, .noSuchFileOrDirectory): add("device", "missing")
            case .device(_, .permissionDenied): add("device", "denied")
            case .device: add("device", "unusable")
            case .apiVersion(let version):
                add("device", "ok")
                add("api-version", "\(version)")
            case .missingCapability, .call: break
            }
            add("boots-linux", "no")
            add("reason", "\(error)")
        }
    }

    /// The lines, each with its line feed.
    var text: String {
        lines.map { $0 + "\n" }.joined()
    }

    private mutating func examine(_ system: KVMSystem) {
        for capability in KVMCapability.required {
            add(
                "cap-" + String(capability.name.dropFirst("KVM_CAP_".count).lowercased().map { $0 == "_" ? "-" : $0 }),
                system.value(of: capability) > 0 ? "yes" : "no")
        }
        add("max-vcpus", "\(system.value(of: .maximumVCPUs))")
        add("memory-slots", "\(system.value(of: .memorySlots))")
        if let cpuid = try? system.supportedCPUID() {
            add("physical-address-bits", "\(cpuid.physicalAddressBits)")
        }
        let missing = KVMCapability.required.first { system.value(of: $0) == 0 }
        if let missing {
            add("boots-linux", "no")
            add("reason", "this host's KVM lacks \(missing.name)")
        } else if !Self.hasHardwareVirtualization {
            add("boots-linux", "no")
            add(
                "reason",
                "this host's KVM works without the processor's virtualization (neither vmx nor svm), and can't run an"
                    + " unmodified kernel")
        } else {
            add("boots-linux", "yes")
        }
    }

    private mutating func add(_ key: some StringProtocol, _ value: String) {
        lines.append("\(key)=\(value)")
    }

    private static var hasHardwareVirtualization: Bool {
        guard let file = try? FileDescriptor.open(FilePath("/proc/cpuinfo"), .readOnly),
            case .bytes(let bytes) = try? ByteStream.read(file, limit: 1 << 14)
        else { return false }
        try? file.close()
        let flags = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("flags") }
        return flags?.split(separator: " ").contains { $0 == "vmx" || $0 == "svm" } ?? false
    }
}
