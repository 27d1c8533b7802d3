import Configuration
import Devices
import GuestMemory
import Host
import SystemPackage
import Virtio

/// The socket device in its place in a machine, with the Unix sockets of its connections. It belongs to the event
/// loop's thread.
///
/// Programs connect to the unit's path and say which port of the guest they want; the guest's connections to a port of
/// the host go to whoever listens at that path with `_` and the port behind it.
final class VsockUnit: DeviceUnit {
    private let unit: VirtioUnit<VirtioVsock>
    private let path: String
    private let listener: OwnedFileDescriptor
    /// Whether the path is to be removed with this object.
    private let ownsPath: Bool
    private let loop: EventLoop
    private let warnings: DeviceWarnings

    private var listenerToken: EventLoop.Token?
    /// Programs that are yet to say which port they want.
    private var newcomers: [UInt64: VsockPeer] = [:]
    private var nextNewcomer: UInt64 = 0
    private var peers: [VsockID: VsockPeer] = [:]
    /// The guest's connections to programs that have too many waiting.
    private var crowded: [Crowded] = []

    private var requestDeadlines = DeadlineQueue<UInt64>(delay: 5_000)
    private var answerDeadlines = DeadlineQueue<VsockID>(delay: 10_000)
    private var drainDeadlines = DeadlineQueue<VsockID>(delay: 60_000)
    private var timer: (token: EventLoop.Token, deadline: MonotonicInstant)?

    private struct Crowded {
        let id: VsockID
        let port: UInt32
        let deadline: MonotonicInstant
    }

    /// Programs at a time that are yet to say what they want; more wait to be accepted.
    private static let newcomerLimit = 1024
    /// Milliseconds until a host without descriptors to spare is tried again.
    private static let acceptDelay: UInt64 = 100
    /// Milliseconds until a program with too many connections waiting is tried again, and for how long: Linux guests
    /// give up after two seconds.
    private static let crowdDelay: UInt64 = 10
    private static let crowdPatience: UInt64 = 2_000

    var place: any VirtioPlace { unit }

    init(
        _ vsock: Vsock, window: MachineLayout.VirtioWindow, memory: GuestMemory, loop: EventLoop,
        events: @escaping @Sendable (MachineEvent) -> Void
    ) throws(MachineError) {
        self.loop = loop
        path = vsock.path
        ownsPath = vsock.descriptor == nil
        warnings = DeviceWarnings(about: "vsock", loop: loop, events: events)
        do throws(SystemCallError) {
            if let descriptor = vsock.descriptor {
                listener = try OwnedFileDescriptor(duplicating: FileDescriptor(rawValue: descriptor))
            } else {
                listener = try UnixSocket.listen(at: FilePath(vsock.path))
            }
            try listener.descriptor.makeNonBlocking()
            unit = try VirtioUnit(VirtioVsock(cid: vsock.cid, memory: memory), window: window, memory: memory)
            try unit.serve(
                on: loop,
                onQueue: { [unowned self] index in
                    unit.interrupt.pulsingOnce {
                        process(index)
                        settle()
                    }
                },
                onDriver: { [unowned self] in settle() })
            try listen()
        } catch {
            throw .host(error)
        }
    }

    deinit {
        if ownsPath { try? FilePath(path).removeFile() }
    }

    func systemReset() {
        unit.systemReset()
        settle()
    }

    // MARK: The device

    /// Lets the device work on a queue.
    private func process(_ index: Int) {
        guard let failure = unit.transport.processQueue(index) else { return }
        warnings.warn(failure)
        // No packet comes any more until the driver begins anew.
        unit.transport.withDevice { $0.reset() }
    }

    /// Does what the device wants, and sends what it has for the guest.
    private func settle() {
        var mayFill = true
        while true {
            let (actions, hasPackets, isTransmitDue) = unit.transport.withDevice { device in
                (device.takeActions(), device.hasPackets, device.isTransmitDue)
            }
            if !actions.isEmpty {
                actions.forEach(perform)
            } else if hasPackets, mayFill {
                // All that there is now; what it leaves waits for buffers.
                process(VirtioVsock.receiveQueue)
                mayFill = false
            } else {
                // In a turn of its own, so that others have theirs.
                if isTransmitDue { unit.queues.notify(queue: VirtioVsock.transmitQueue) }
                return
            }
        }
    }

    private func perform(_ action: VsockAction) {
        switch action {
        case .connect(let id, let port):
            let deadline = MonotonicInstant.now().advanced(byMilliseconds: Self.crowdPatience)
            connect(Crowded(id: id, port: port, deadline: deadline))
        case .watchRoom(let id, let isWanted):
            guard let token = peers[id]?.token else { return }
            // It can only fail for a descriptor that is not there any more.
            try? loop.modify(token, isWanted ? [.moreReadable, .moreWritable] : .moreReadable)
        case .limit(let id):
            drainDeadlines.append(id)
            setTimer()
        case .close(let id):
            if let peer = peers.removeValue(forKey: id) { forget(peer) }
        }
    }

    private func serve(_ peer: VsockPeer, _ readiness: EventLoop.Readiness) {
        switch peer.role {
        case .newcomer(let number): hear(peer, number)
        case .connection(let id):
            let isHungUp = !readiness.isDisjoint(with: .closed)
            unit.transport.withDevice { $0.streamIsReady(id, isHungUp: isHungUp) }
            settle()
        }
    }

    /// Watches a stream from now on.
    private func watch(_ peer: VsockPeer) throws(SystemCallError) {
        peer.token = try loop.add(peer.socket.descriptor, .moreReadable) { [unowned self, unowned peer] readiness in
            serve(peer, readiness)
        }
    }

    private func forget(_ peer: VsockPeer) {
        if let token = peer.token { loop.remove(token) }
        peer.token = nil
    }

    // MARK: Connections of programs

    private func listen() throws(SystemCallError) {
        guard listenerToken == nil else { return }
        listenerToken = try loop.add(listener.descriptor, .readable) { [unowned self] _ in accept() }
    }

    private func stopListening() {
        if let listenerToken { loop.remove(listenerToken) }
        listenerToken = nil
    }

    /// Lets a program in. Where more wait, the loop says so.
    private func accept() {
        guard newcomers.count < Self.newcomerLimit else { return stopListening() }
        do throws(SystemCallError) {
            let number = nextNewcomer
            let socket = VsockSocket(try listener.descriptor.acceptConnection())
            let peer = VsockPeer(socket, .newcomer(number))
            newcomers[number] = peer
            nextNewcomer += 1
            // Most have said what they want by now, and need no turn of the loop for that.
            hear(peer, number)
            try watchNewcomer(peer)
            guard case .newcomer = peer.role else { return }
            requestDeadlines.append(number)
            setTimer()
        } catch {
            if error.errno == .wouldBlock { return }
            warnings.warn("a program can't be let in for now: \(error)")
            stopListening()
            loop.schedule(afterMilliseconds: Self.acceptDelay) { [unowned self] in try? listen() }
        }
    }

    /// Watches a program that was let in, unless it has been sent away already.
    private func watchNewcomer(_ peer: VsockPeer) throws(SystemCallError) {
        switch peer.role {
        case .newcomer(let number) where newcomers[number] == nil: return
        case .connection(let id) where peers[id] == nil: return
        case .newcomer, .connection: break
        }
        do throws(SystemCallError) {
            try watch(peer)
        } catch {
            switch peer.role {
            case .newcomer(let number): dismiss(number)
            case .connection(let id):
                unit.transport.withDevice { $0.streamIsReady(id, isHungUp: true) }
                settle()
            }
            throw error
        }
    }

    /// Reads which port a program wants.
    private func hear(_ peer: VsockPeer, _ number: UInt64) {
        let descriptor = peer.socket.descriptor
        guard let bytes = try? descriptor.peek(limit: VsockRequest.limit) else {
            // Nothing now, or it is gone; the loop says which.
            if peer.socket.isHungUp { dismiss(number) }
            return
        }
        switch VsockRequest(bytes) {
        case .incomplete where !bytes.isEmpty && !peer.socket.isHungUp: break
        case .incomplete, .invalid: dismiss(number)
        case .port(let port, let length):
            // What stands behind the line is the guest's.
            _ = try? ByteStream.read(descriptor, limit: length)
            open(port, peer, number)
        }
    }

    private func open(_ port: UInt32, _ peer: VsockPeer, _ number: UInt64) {
        let transport = unit.transport
        let hasDriver = transport.isUsable(VirtioVsock.receiveQueue) && transport.isUsable(VirtioVsock.transmitQueue)
        let socket = peer.socket
        guard hasDriver, let id = transport.withDevice({ $0.open(port: port, socket) }) else { return dismiss(number) }
        newcomers[number] = nil
        peers[id] = peer
        peer.role = .connection(id)
        answerDeadlines.append(id)
        setTimer()
        try? listen()
        settle()
    }

    /// Closes the connection of a program that did not say what it wants.
    private func dismiss(_ number: UInt64) {
        if let peer = newcomers.removeValue(forKey: number) { forget(peer) }
        try? listen()
    }

    // MARK: Connections of the guest

    /// Connects a connection of the guest to the program that serves its port.
    private func connect(_ wanted: Crowded) {
        // The guest may have given up.
        guard unit.transport.withDevice({ $0.awaitsProgram(wanted.id) }) else { return }
        do throws(SystemCallError) {
            let target = FilePath("\(path)_\(wanted.port)")
            let socket = VsockSocket(try UnixSocket.connectAtOnce(to: target))
            let peer = VsockPeer(socket, .connection(wanted.id))
            try watch(peer)
            guard unit.transport.withDevice({ $0.connected(wanted.id, socket) }) else { return forget(peer) }
            peers[wanted.id] = peer
        } catch {
            switch error.errno {
            case .wouldBlock where MonotonicInstant.now() < wanted.deadline:
                if crowded.isEmpty {
                    loop.schedule(afterMilliseconds: Self.crowdDelay) { [unowned self] in connectCrowded() }
                }
                crowded.append(wanted)
            case .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory:
                warnings.warn("a connection of the guest is refused: \(error)")
                unit.transport.withDevice { $0.refuse(wanted.id) }
            default: unit.transport.withDevice { $0.refuse(wanted.id) }
            }
        }
    }

    private func connectCrowded() {
        let waiting = crowded
        crowded = []
        // One attempt tells of all who want to go there.
        var fullPorts: Set<UInt32> = []
        let now = MonotonicInstant.now()
        for wanted in waiting {
            guard !fullPorts.contains(wanted.port) || wanted.deadline <= now else {
                crowded.append(wanted)
                continue
            }
            let count = crowded.count
            connect(wanted)
            if crowded.count > count { fullPorts.insert(wanted.port) }
        }
        settle()
    }

    // MARK: Time

    private func setTimer() {
        let deadlines = [requestDeadlines.next, answerDeadlines.next, drainDeadlines.next].compactMap(\.self)
        guard let next = deadlines.min() else { return }
        if let timer {
            guard next < timer.deadline else { return }
            loop.cancel(timer.token)
        }
        let delay = MonotonicInstant.now().milliseconds(until: next)
        let token = loop.schedule(afterMilliseconds: delay) { [unowned self] in
            timer = nil
            expire()
        }
        timer = (token, next)
    }

    private func expire() {
        let now = MonotonicInstant.now()
        requestDeadlines.removeDue(by: now).forEach(dismiss)
        let (unanswered, untaken) = (answerDeadlines.removeDue(by: now), drainDeadlines.removeDue(by: now))
        unit.transport.withDevice { device in
            unanswered.forEach { device.expireRequest($0) }
            untaken.forEach { device.expireRest($0) }
        }
        settle()
        setTimer()
    }
}
