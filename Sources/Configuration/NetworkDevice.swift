/// A network card of the guest (virtio-net), whose wire is a tap of the host.
public struct NetworkDevice: Sendable, Equatable {
    /// The tap.
    public enum Tap: Sendable, Equatable {
        /// The name of an interface.
        case named(String)
        /// Queues that are open, as many as the device has pairs.
        case descriptors([Int32])
    }

    /// How users name it: letters, digits, `-`, `_` and `.`.
    public var id: String
    public var tap: Tap
    /// The address of the guest's end; nil for one of its own.
    public var address: MACAddress?
    /// How many pairs of queues there are.
    public var queueCount: Int
    /// The largest packet that the guest is to send, in bytes without its Ethernet header; nil to leave it to the guest.
    public var mtu: UInt16?
    /// Whether host and guest leave checksums and segments to each other.
    public var offloads: Bool
    /// Whether the host's kernel serves the queues by itself.
    public var usesVhost: Bool

    /// Open queues of a tap that has a name; empty to have them opened.
    public var queueDescriptors: [Int32] = []
    /// An open `/dev/vhost-net` for each pair; empty to have them opened.
    public var vhostDescriptors: [Int32] = []

    public init(
        id: String, tap: Tap, address: MACAddress? = nil, queueCount: Int = 1, mtu: UInt16? = nil,
        offloads: Bool = true, usesVhost: Bool = false
    ) {
        self.id = id
        self.tap = tap
        self.address = address
        self.queueCount = queueCount
        self.mtu = mtu
        self.offloads = offloads
        self.usesVhost = usesVhost
    }

    /// The address of the guest's end in a machine. A machine that is called as all are that were given no name gets
    /// another one each time: two of them may be neighbours.
    public func address(inMachine name: String) -> MACAddress {
        if let address { return address }
        return name == MachineConfiguration.defaultName ? .random() : MACAddress(derivedFrom: "\(name)/\(id)")
    }

    /// The open queues of the tap; empty where they are to be opened.
    public var openQueues: [Int32] {
        if case .descriptors(let descriptors) = tap { descriptors } else { queueDescriptors }
    }
}
