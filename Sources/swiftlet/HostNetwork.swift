import Host
import SystemPackage

/// What network cards of guests need of the host, for `swiftlet doctor`.
struct HostNetwork {
    var findings: [Finding] {
        [
            finding("/dev/net/tun", "for taps, which --net needs", module: "tun"),
            finding(VhostNet.path, "for vhost=on, which network cards can do without", module: "vhost_net"),
        ]
    }

    private func finding(_ path: FilePath, _ use: String, module: String) -> Finding {
        do {
            _ = try OwnedFileDescriptor(opening: path, .readWrite)
            return Finding(.good, "\(path) opens, \(use)")
        } catch {
            switch error.errno {
            case .noSuchFileOrDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice:
                return Finding(.notice, "\(path) is missing, \(use)", remedy: "sudo modprobe \(module)")
            case .permissionDenied, .notPermitted:
                return Finding(
                    .notice, "\(path): permission denied, \(use)", remedy: "sudo setfacl -m u:$USER:rw \(path)")
            default: return Finding(.notice, "\(path): \(error.errno), \(use)")
            }
        }
    }
}
