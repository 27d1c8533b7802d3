import GuestMemory
import Virtio

/// The socket device (virtio specification, 5.10): connections between ports of the guest and programs of the host.
///
/// It does all of the protocol. The programs' streams are made, watched and closed by whoever has the device, who is
/// told by `takeActions()` what to do: connections that the guest asks for begin with `connected`, those of programs
/// with `open`, and `streamIsReady` says when to try a stream again. Nothing here waits.
///
/// Packets to the guest wait for buffers in its receive queue, each connection's in turn. What answers packets of the
/// guest, beside a connection's own packets, has room for a few; without room the guest's packets wait.
public struct VirtioVsock: VirtioDevice {
    public let deviceID: UInt32 = 19
    /// VIRTIO_VSOCK_F_STREAM.
    public let features: UInt64 = 1
    public let queueSizes: [UInt16] = [256, 256, 64]

    /// Packets to the guest.
    public static let receiveQueue = 0
    /// Packets from the guest.
    public static let transmitQueue = 1
    // Queue 2 is for events. The only one says that a guest moved to another host: that does not happen yet.

    let cid: UInt64
    let vectors: GuestVectors
    var table = VsockTable()
    /// Packets that say that there is no connection.
    var rejections = VsockRejections()
    private var actions: [VsockAction] = []
    /// Scratch: buffers for bytes of a program, and packets of the guest that are taken together.
    var chains: [DescriptorChain] = []
    var packets: [VsockPacket] = []
    /// Whether the guest has given no buffer for the next packet.
    var lacksBuffers = false
    /// Whether packets of the guest may wait for room for answers.
    var isTransmitHeld = false
    private var nextPort = firstPort

    /// Ports of programs begin here, so that they are not taken for those that programs serve.
    private static let firstPort: UInt32 = 1 << 30

    /// - Parameters:
    ///   - cid: the guest's context identifier, none of the reserved ones (5.10.4).
    ///   - memory: where the driver's buffers are.
    public init(cid: UInt32, memory: GuestMemory) {
        self.cid = UInt64(cid)
        vectors = GuestVectors(of: memory)
    }

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        offset < 8 ? cid >> (8 * offset) : 0
    }

    /// Closes all connections.
    public mutating func reset() {
        for id in table.ids { close(id) }
        table.clearLine()
        rejections.removeAll()
        lacksBuffers = false
        isTransmitHeld = false
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        switch index {
        case Self.receiveQueue: try fill(queue)
        case Self.transmitQueue: try drain(queue)
        default: break
        }
    }

    // MARK: What whoever has the device needs to know

    /// How many connections there are.
    public var connectionCount: Int { table.count }

    /// Whether processing the receive queue would get on.
    public var hasPackets: Bool { !lacksBuffers && !(rejections.isEmpty && table.isLineEmpty) }

    /// Whether processing the transmit queue would get on that had to wait.
    public var isTransmitDue: Bool { isTransmitHeld && rejections.hasRoom }

    /// What is to be done, in this order; each is told once.
    public mutating func takeActions() -> [VsockAction] {
        guard !actions.isEmpty else { return [] }
        defer { actions = [] }
        return actions
    }

    mutating func ask(for action: VsockAction) {
        actions.append(action)
    }

    // MARK: Connections of programs

    /// A program asks for a connection to a port of the guest. It is told `OK` with its own port when the guest agrees.
    ///
    /// - Returns: nil where there are too many.
    public mutating func open(port: UInt32, _ stream: any VsockStream) -> VsockID? {
        var ports = VsockPorts(guest: port, host: nextPort)
        while table.find(ports) != nil {
            nextPort = nextPort == .max ? Self.firstPort : nextPort + 1
            ports = VsockPorts(guest: port, host: nextPort)
        }
        nextPort = nextPort == .max ? Self.firstPort : nextPort + 1
        let credit = VsockCredit(grant: table.nextGrant)
        let connection = VsockConnection(
            ports: ports, phase: .askingGuest(stream, credit, isSent: false), grant: credit.grant)
        guard let id = table.add(connection) else { return nil }
        table.enqueue(id)
        return id
    }

    // MARK: Connections of the guest

    /// Whether the guest still asks for a program.
    public func awaitsProgram(_ id: VsockID) -> Bool {
        if case .reachingProgram = table[id]?.phase { true } else { false }
    }

    /// The program that the guest asked for is there.
    ///
    /// - Returns: false where the guest does not ask any more, and the stream is not wanted.
    public mutating func connected(_ id: VsockID, _ stream: any VsockStream) -> Bool {
        guard case .reachingProgram(let credit) = table[id]?.phase else { return false }
        table.set(.open(VsockLink(stream, credit: credit), owesResponse: true), of: id)
        table.enqueue(id)
        return true
    }

    /// The program that the guest asked for is not there.
    public mutating func refuse(_ id: VsockID) {
        guard case .reachingProgram = table[id]?.phase else { return }
        table.set(.resetting, of: id)
        table.enqueue(id)
    }

    // MARK: All connections

    /// A stream has bytes, room or an end that it did not have before.
    public mutating func streamIsReady(_ id: VsockID, isHungUp: Bool) {
        switch table[id]?.phase {
        case .open(let link, _):
            link.notice(isHungUp: isHungUp)
            flush(link, id)
            table.enqueue(id)
        case .draining(let link):
            if !link.flush() || !link.isWaiting || isHungUp { close(id) }
        case .askingGuest where isHungUp: abort(id)
        case .askingGuest, .reachingProgram, .leftToGuest, .resetting, nil: break
        }
    }

    /// The guest had its time to answer a program that asked for a connection.
    public mutating func expireRequest(_ id: VsockID) {
        if case .askingGuest = table[id]?.phase { abort(id) }
    }

    /// A program had its time to take some of the last bytes of a guest.
    public mutating func expireRest(_ id: VsockID) {
        guard case .draining(let link) = table[id]?.phase else { return }
        link.takeProgress() ? ask(for: .limit(id)) : close(id)
    }

    /// Sends what waits for the program.
    private mutating func flush(_ link: VsockLink, _ id: VsockID) {
        guard link.isWaiting else { return }
        guard link.flush() else { return abort(id) }
        if !link.isWaiting { ask(for: .watchRoom(id, false)) }
    }

    /// Ends a connection that the guest is yet to hear the end of.
    mutating func abort(_ id: VsockID) {
        guard table[id] != nil else { return }
        ask(for: .close(id))
        table.set(.resetting, of: id)
        table.enqueue(id)
    }

    /// Forgets a connection.
    mutating func close(_ id: VsockID) {
        guard table[id] != nil else { return }
        ask(for: .close(id))
        table.remove(id)
    }
}
