/// How much each end of a connection may send (virtio specification, 5.10.6.3). Counters are modulo 2^32.
struct VsockCredit {
    /// Bytes that we have room for.
    let grant: UInt32
    /// What the guest has sent, what of that went on to the program, and what the guest knows of that.
    private var received: UInt32 = 0
    private var forwarded: UInt32 = 0
    private var announced: UInt32 = 0

    /// What we have sent, and what the guest last said that it has room for and has passed on.
    private var sent: UInt32 = 0
    private var peerGrant: UInt32 = 0
    private var peerForwarded: UInt32 = 0

    init(grant: UInt32) {
        self.grant = grant
    }

    // MARK: What the guest sends

    /// The guest sends bytes; false where there are more than it was granted.
    mutating func receive(_ count: UInt32) -> Bool {
        guard count <= grant - (received &- forwarded) else { return false }
        received &+= count
        return true
    }

    /// Bytes are no longer our concern.
    mutating func forward(_ count: UInt32) {
        forwarded &+= count
    }

    /// Whether the guest should hear how much it may send. A guest that has used up what it knows of does: all of it is
    /// passed on sooner or later, and that is more than half.
    var owesUpdate: Bool { forwarded &- announced >= grant / 2 }

    /// Tells the guest by a packet.
    mutating func announce(in header: inout VsockHeader) {
        announced = forwarded
        header.allocation = grant
        header.forwarded = forwarded
    }

    // MARK: What we send

    /// The guest tells us by a packet.
    mutating func learn(from header: VsockHeader) {
        peerGrant = header.allocation
        peerForwarded = header.forwarded
    }

    /// How much we may send now. A guest that takes back what it granted, or passed on more than it got, gets nothing.
    var available: UInt32 {
        let underway = sent &- peerForwarded
        return underway < peerGrant ? peerGrant - underway : 0
    }

    mutating func send(_ count: UInt32) {
        sent &+= count
    }
}
