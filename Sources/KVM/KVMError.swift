import Host
import SystemPackage

/// Why KVM can't be used on this host.
public enum KVMError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The device can't be opened: missing (ENOENT), not permitted (EACCES), not answered (ENXIO, ENODEV), or something
    /// else than KVM (ENOTTY).
    case device(path: String, Errno)
    /// The kernel speaks another version of the interface than 12, the only one since Linux 2.6.22.
    case apiVersion(Int)
    /// The kernel, or this kind of KVM, lacks something that a machine needs.
    case missingCapability(String)
    case call(SystemCallError)

    public var description: String {
        switch self {
        case .device(let path, .noSuchFileOrDirectory):
            "\(path) does not exist: this host has no KVM. Load the module (modprobe kvm_intel or kvm_amd), enable "
                + "virtualization in the firmware, or use a host that allows nested virtualization"
        case .device(let path, .permissionDenied):
            "\(path): permission denied. Add yourself to its group (usermod -aG kvm USER, then log in again)"
        case .device(let path, let errno): "\(path): \(errno)"
        case .apiVersion(let version): "KVM speaks version \(version) of its interface, not 12"
        case .missingCapability(let name): "this host's KVM lacks \(name)"
        case .call(let error): error.description
        }
    }
}
