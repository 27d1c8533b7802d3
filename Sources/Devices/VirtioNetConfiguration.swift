import Host

/// What a network device tells its driver (virtio specification, 5.1.4).
public struct VirtioNetConfiguration: Sendable {
    /// The address of the guest's end, 6 bytes.
    public let address: [UInt8]
    /// How many pairs of queues there are.
    public let pairCount: Int
    /// The largest packet that the guest is to send, in bytes without its Ethernet header; nil to leave it to the guest.
    public let mtu: UInt16?
    /// What the host's kernel does with frames in both directions; empty for nothing.
    public let offloads: Tap.Offloads

    public init(address: [UInt8], pairCount: Int = 1, mtu: UInt16? = nil, offloads: Tap.Offloads = []) {
        precondition(address.count == 6 && pairCount >= 1)
        self.address = address
        self.pairCount = pairCount
        self.mtu = mtu
        self.offloads = offloads
    }

    /// Descriptors of each queue.
    public static let queueSize: UInt16 = 256

    /// Feature bits (5.1.3).
    enum Feature {
        static let checksum: UInt64 = 1 << 0
        static let guestChecksum: UInt64 = 1 << 1
        static let controlGuestOffloads: UInt64 = 1 << 2
        static let mtu: UInt64 = 1 << 3
        static let address: UInt64 = 1 << 5
        static let guestTCP4: UInt64 = 1 << 7
        static let guestTCP6: UInt64 = 1 << 8
        static let guestCongestion: UInt64 = 1 << 9
        static let guestUDPFragments: UInt64 = 1 << 10
        static let hostTCP4: UInt64 = 1 << 11
        static let hostTCP6: UInt64 = 1 << 12
        static let hostCongestion: UInt64 = 1 << 13
        static let hostUDPFragments: UInt64 = 1 << 14
        static let mergeableBuffers: UInt64 = 1 << 15
        static let status: UInt64 = 1 << 16
        static let control: UInt64 = 1 << 17
        static let controlReceive: UInt64 = 1 << 18
        static let controlReceiveExtra: UInt64 = 1 << 20
        static let multipleQueues: UInt64 = 1 << 22
        static let controlAddress: UInt64 = 1 << 23
        static let guestUDP4: UInt64 = 1 << 54
        static let guestUDP6: UInt64 = 1 << 55
        static let hostUDP: UInt64 = 1 << 56
    }

    /// What each offload is to a driver: features of frames that it gets, and of frames that it sends.
    private static let offloadFeatures: [(offload: Tap.Offloads, guest: UInt64, host: UInt64)] = [
        (.checksum, Feature.guestChecksum, Feature.checksum | Feature.controlGuestOffloads),
        (.tcp4, Feature.guestTCP4, Feature.hostTCP4),
        (.tcp6, Feature.guestTCP6, Feature.hostTCP6),
        (.congestion, Feature.guestCongestion, Feature.hostCongestion),
        (.udpFragments, Feature.guestUDPFragments, Feature.hostUDPFragments),
        (.udp, Feature.guestUDP4 | Feature.guestUDP6, Feature.hostUDP),
    ]

    var features: UInt64 {
        var features =
            Feature.address | Feature.status | Feature.mergeableBuffers | Feature.control | Feature.controlReceive
            | Feature.controlReceiveExtra | Feature.controlAddress
        if mtu != nil { features |= Feature.mtu }
        if pairCount > 1 { features |= Feature.multipleQueues }
        for (offload, guest, host) in Self.offloadFeatures where offloads.contains(offload) {
            features |= guest | host
        }
        return features
    }

    /// What may come to a driver with these features.
    static func offloads(of features: UInt64) -> Tap.Offloads {
        var offloads: Tap.Offloads = []
        for (offload, guest, _) in offloadFeatures where features & guest == guest { offloads.insert(offload) }
        return offloads.contains(.checksum) ? offloads : []
    }

    /// The features by which a driver says what may come to it.
    static let guestOffloads = offloadFeatures.reduce(0) { $0 | $1.guest }

    /// The configuration space; fields of features that are not offered are zero.
    func bytes(address: [UInt8], isLinkUp: Bool) -> [UInt8] {
        func low(_ value: UInt16) -> [UInt8] { [UInt8(truncatingIfNeeded: value), UInt8(value >> 8)] }
        return address + low(isLinkUp ? 1 : 0) + low(pairCount > 1 ? UInt16(pairCount) : 0) + low(mtu ?? 0)
    }
}
