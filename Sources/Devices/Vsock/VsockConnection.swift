/// A connection between a guest's port and one of the host's, from the first packet to the last.
struct VsockConnection {
    enum Phase {
        /// The guest asks for it; the program is yet to be reached. What the guest said of its room.
        case reachingProgram(VsockCredit)
        /// A program asks for it, by the host's port; the guest is yet to answer.
        case askingGuest(any VsockStream, VsockCredit, isSent: Bool)
        /// Both agree.
        case open(VsockLink, owesResponse: Bool)
        /// The guest has closed its end, and knows that it is forgotten; the program takes what is left.
        case draining(VsockLink)
        /// The program has closed its end, and the guest knows; it is yet to close its own.
        case leftToGuest
        /// The guest is yet to be told that it is no more.
        case resetting
    }

    let ports: VsockPorts
    var phase: Phase
    /// Bytes that the guest was granted.
    let grant: UInt32

    /// Whether there is a packet for the guest.
    var hasPacket: Bool {
        switch phase {
        case .reachingProgram, .draining, .leftToGuest: false
        case .askingGuest(_, _, let isSent): !isSent
        case .open(let link, let owesResponse): owesResponse || link.duty != nil
        case .resetting: true
        }
    }
}

/// What tells the connections of a guest apart.
struct VsockPorts: Hashable {
    let guest: UInt32
    let host: UInt32
}
