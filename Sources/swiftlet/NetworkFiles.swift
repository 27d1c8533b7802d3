import Configuration
import Host
import SystemPackage

/// The taps of a machine's network devices, opened, and the kernel's part where that is wanted.
struct NetworkFiles {
    /// The machine with its descriptors.
    private(set) var machine: MachineConfiguration
    /// What goes along to the process that holds the guest.
    private(set) var descriptors: [FileDescriptor] = []
    /// What is odd about them.
    private(set) var warnings: [String] = []

    /// - Throws: `Refusal` for a tap that can't be had, `ConfigurationError` for a descriptor that is none.
    init(opening machine: MachineConfiguration) throws {
        self.machine = machine
        for (index, device) in machine.networkDevices.enumerated() {
            switch device.tap {
            case .named(let name):
                let queues = try Self.open(name, device)
                descriptors += queues
                self.machine.networkDevices[index].queueDescriptors = queues.map(\.rawValue)
                if Tap.isUp(name) == false {
                    warnings.append(
                        "\(device.option): \(name) is down, and nothing passes before it is up: ip link set \(name) up")
                }
            case .descriptors(let numbers):
                descriptors += try numbers.map { try Self.check($0, device) }
            }
            if device.usesVhost {
                let files = try (0..<device.queueCount).map { _ in try Self.openVhost(device) }
                descriptors += files
                self.machine.networkDevices[index].vhostDescriptors = files.map(\.rawValue)
            }
        }
    }

    private static func open(_ name: String, _ device: NetworkDevice) throws -> [FileDescriptor] {
        let several = device.queueCount > 1 ? " multi_queue" : ""
        do {
            return try Tap.open(name, queueCount: device.queueCount)
        } catch {
            let advice =
                switch error {
                case .missing: "; make it: ip tuntap add dev \(name) mode tap user $USER\(several)"
                case .denied:
                    "; it has to belong to you: ip tuntap add dev \(name) mode tap user $USER\(several), as root"
                case .oneQueueOnly:
                    "; 'ip tuntap add dev \(name) mode tap multi_queue' makes one for queues=\(device.queueCount)"
                case .noTap: "; 'ip tuntap add dev NAME mode tap' makes one"
                default: ""
                }
            throw Refusal("\(device.option): tap \(name): \(error)\(advice)")
        }
    }

    private static func check(_ number: Int32, _ device: NetworkDevice) throws -> FileDescriptor {
        let descriptor = FileDescriptor(rawValue: number)
        do {
            try Tap.prepare(descriptor)
        } catch {
            let reason = error == .noTap ? "no tap is open there" : "\(error)"
            throw ConfigurationError("\(device.option)", "fd \(number): \(reason)")
        }
        guard device.queueCount == 1 || Tap.maySwitchQueues(descriptor) else {
            throw ConfigurationError("\(device.option)", "fd \(number): a tap for one queue (IFF_MULTI_QUEUE)")
        }
        return descriptor
    }

    private static func openVhost(_ device: NetworkDevice) throws -> FileDescriptor {
        do {
            return try OwnedFileDescriptor(opening: VhostNet.path, .readWrite).release()
        } catch {
            let reason =
                switch error.errno {
                case .noSuchFileOrDirectory, .noSuchAddressOrDevice, .operationNotSupportedByDevice:
                    "this host has no \(VhostNet.path): sudo modprobe vhost_net"
                case .permissionDenied, .notPermitted:
                    "\(VhostNet.path): permission denied: sudo setfacl -m u:$USER:rw \(VhostNet.path)"
                default: "\(VhostNet.path): \(error.errno)"
                }
            throw Refusal("\(device.option): vhost=on: \(reason)")
        }
    }
}
