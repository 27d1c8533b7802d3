import SystemPackage

/// Why an interface, or a descriptor, can't be a guest's network.
public enum TapError: Error, Sendable, Equatable, CustomStringConvertible {
    case host(SystemCallError)
    /// There is no interface of that name.
    case missing
    /// The kernel has no taps.
    case noDriver
    case denied
    /// Another machine or program has it.
    case inUse
    /// It was made for one queue.
    case oneQueueOnly
    /// Others have so many of its queues that too few are left.
    case tooFewQueues
    case noTap
    /// The descriptor gives frames without virtio's headers, or with others.
    case noHeaders

    public var description: String {
        switch self {
        case .host(let error): error.description
        case .missing: "there is no such interface"
        case .noDriver: "the host has no /dev/net/tun: 'sudo modprobe tun' loads its driver"
        case .denied: "permission denied"
        case .inUse: "another machine or program has it"
        case .oneQueueOnly: "no tap for several queues"
        case .tooFewQueues: "it has too few queues left"
        case .noTap: "no tap"
        case .noHeaders: "a tap without virtio's headers (IFF_VNET_HDR and IFF_NO_PI)"
        }
    }
}
