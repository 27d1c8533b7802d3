import Host
import SystemPackage

/// Whether `/dev/kvm` can be used, and what mends it where it can't.
enum KVMDevice {
    static let path: FilePath = "/dev/kvm"

    /// Makes sure that it opens.
    ///
    /// - Throws: `Refusal` with the command that mends it.
    static func check() throws {
        do {
            _ = try OwnedFileDescriptor(opening: path, .readWrite)
        } catch {
            throw Refusal(explanation(of: error.errno) + "\n'swiftlet doctor' tells what this host can do.")
        }
    }

    /// What a user should know before a guest starts here; nil where there is nothing.
    static func warning(on processor: HostProcessor) -> String? {
        guard !processor.hasVMX, !processor.hasSVM else { return nil }
        return "the processor shows neither vmx nor svm: unmodified kernels don't get far on such a KVM."
            + " 'Tools/kvm-host swiftlet run' runs them in an emulated host"
    }

    private static func explanation(of errno: Errno) -> String {
        switch errno {
        case .noSuchFileOrDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice:
            "\(path) is missing, and guests run on nothing else. \(remedyForMissing(on: HostProcessor.host))"
        case .permissionDenied, .notPermitted: "\(path): permission denied. \(remedyForDenied)"
        default: "\(path): \(errno)"
        }
    }

    /// How a user gets the permission.
    static let remedyForDenied = "Join the group that may use it, then log in again: sudo usermod -aG kvm $USER"

    /// How the device comes to be.
    static func remedyForMissing(on processor: HostProcessor) -> String {
        if processor.hasVMX {
            "Load the kernel's module: sudo modprobe kvm_intel"
        } else if processor.hasSVM {
            "Load the kernel's module: sudo modprobe kvm_amd"
        } else {
            "The processor shows no hardware virtualisation: switch it on in the firmware's settings or, in a virtual"
                + " machine, nested virtualisation in its host's. Until then, Tools/kvm-host emulates a host."
        }
    }
}
