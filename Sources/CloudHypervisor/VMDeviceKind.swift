/// The kinds of devices that can be added to a VM: each has an endpoint `vm.add-…`.
enum VMDeviceKind: String, CaseIterable, Sendable {
    case disk, net, fs, vsock
}
