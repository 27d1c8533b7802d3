import GuestMemory
import Virtio

/// A connection that both ends have agreed to: bytes both ways, each way with its own end.
final class VsockLink {
    /// What the program sends.
    enum Input {
        /// There may be something.
        case promising
        /// There is nothing, until the stream is ready again.
        case idle
        /// The program sends no more.
        case ended
        /// The guest receives no more.
        case unwanted
    }

    /// What the guest sends.
    enum Output {
        /// It goes to the program.
        case open
        /// The guest sends no more, but not all of it has gone out.
        case finishing
        /// The guest sends no more, and the program knows.
        case finished
        /// The program receives no more; what the guest sends is dropped.
        case refused
    }

    let stream: any VsockStream
    var credit: VsockCredit
    private(set) var input = Input.promising
    private(set) var output = Output.open
    private var waiting = VsockBuffer()
    /// Whether the program has taken some of it since that was last asked.
    private var hasProgress = false
    /// What the guest was told of.
    private var told: VsockShutdown = []
    /// Whether the guest has asked how much it may send.
    var isAskedForCredit = false
    /// Whether the guest was asked for credit since it last had any.
    private var hasAskedForCredit = false
    /// For how many packets the program probably has bytes at a time.
    private var burst = 1
    /// Whether it had fewer the last time, so that there probably are none now.
    private var isDrained = false

    /// Linux gives buffers of 4 KiB, and a Unix socket holds some 200 KiB by default.
    private static let mostChains = 64

    init(_ stream: any VsockStream, credit: VsockCredit) {
        self.stream = stream
        self.credit = credit
    }

    // MARK: From the guest

    /// What becomes of a packet that the guest sends.
    enum Verdict {
        case fine
        /// It breaks a rule, or the connection is broken.
        case broken
    }

    /// Counts bytes of the guest that are to be passed on.
    ///
    /// - Returns: false where the guest may not send them.
    func accept(_ count: UInt32) -> Bool {
        let mayCome =
            switch output {
            case .open, .refused: true
            case .finishing, .finished: count == 0
            }
        return mayCome && credit.receive(count)
    }

    /// Passes bytes of the guest on to the program.
    ///
    /// - Parameters:
    ///   - packets: each has been accepted, and is whole.
    ///   - vectors: scratch.
    func forward(
        _ packets: [VsockPacket], of queue: SplitQueue, with vectors: GuestVectors
    ) throws(VirtqueueError) -> Verdict {
        if case .refused = output { return drop(packets) }
        var done: UInt64 = 0
        if waiting.isEmpty, packets.contains(where: { $0.count > 0 }) {
            vectors.removeAll()
            for packet in packets {
                try queue.forEachReadablePiece(
                    of: packet.chain, at: VsockHeader.byteCount, count: UInt64(packet.count)
                ) { (piece) throws(VirtqueueError) in try vectors.append(piece) }
            }
            switch stream.send(vectors) {
            case .bytes(let sent): done = UInt64(sent)
            case .wouldBlock: break
            case .ended:
                refuseOutput()
                return drop(packets)
            case .broken: return .broken
            // What can't be sent can't be copied either, and that says what is wrong.
            case .badMemory: break
            }
        }
        credit.forward(UInt32(done))
        for packet in packets {
            let sent = min(done, UInt64(packet.count))
            done -= sent
            guard sent < UInt64(packet.count) else { continue }
            try waiting.append(
                packet.chain, at: VsockHeader.byteCount + sent, count: UInt64(packet.count) - sent, of: queue)
        }
        return .fine
    }

    private func drop(_ packets: [VsockPacket]) -> Verdict {
        for packet in packets { credit.forward(packet.count) }
        return .fine
    }

    /// The guest will not send, or not receive, any more.
    func shutDown(_ flags: VsockShutdown) {
        if flags.contains(.sending), case .open = output {
            output = .finishing
            finishOutput()
        }
        if flags.contains(.receiving) {
            switch input {
            case .promising, .idle: stream.shutDown(receiving: true, sending: false)
            case .ended, .unwanted: break
            }
            input = .unwanted
        }
    }

    /// Whether the guest has closed its end.
    var isClosedByGuest: Bool {
        switch (input, output) {
        case (.unwanted, .finishing), (.unwanted, .finished): true
        default: false
        }
    }

    /// The guest has told how much may be sent.
    func learn(from header: VsockHeader) {
        credit.learn(from: header)
        // A guest without room says so at once, as often as it is asked; when it has some again, it says that unasked.
        if credit.available > 0 { hasAskedForCredit = false }
    }

    // MARK: To the program

    /// Whether bytes wait for the program.
    var isWaiting: Bool { !waiting.isEmpty }

    /// Sends what waits; the program has room.
    ///
    /// - Returns: false where the connection is broken.
    func flush() -> Bool {
        guard isWaiting else { return true }
        let (count, result) = waiting.send(to: stream)
        credit.forward(UInt32(count))
        hasProgress = hasProgress || count > 0
        switch result {
        case .bytes, .wouldBlock, .badMemory: break
        case .ended: refuseOutput()
        case .broken: return false
        }
        finishOutput()
        return true
    }

    /// Whether the program has taken some of what waits since this was last asked.
    func takeProgress() -> Bool {
        defer { hasProgress = false }
        return hasProgress
    }

    private func finishOutput() {
        guard case .finishing = output, waiting.isEmpty else { return }
        output = .finished
        stream.shutDown(receiving: false, sending: true)
    }

    /// The program receives no more.
    private func refuseOutput() {
        switch output {
        case .open, .finishing:
            credit.forward(UInt32(waiting.count))
            waiting.removeAll()
            output = .refused
        case .finished, .refused: break
        }
    }

    // MARK: From the program

    /// The stream has something, or is hung up.
    func notice(isHungUp: Bool) {
        isDrained = false
        switch input {
        case .idle: input = .promising
        case .ended, .unwanted: if isHungUp { refuseOutput() }
        case .promising: break
        }
    }

    /// What the program had.
    enum Reception {
        case bytes(UInt32)
        case nothing
        case broken
    }

    /// Adds the room in a chain for what the guest may get, behind a packet's header.
    func append(
        _ chain: DescriptorChain, of queue: SplitQueue, to vectors: GuestVectors
    ) throws(VirtqueueError) {
        guard chain.writableLength > VsockHeader.byteCount else {
            throw .buffersTooShort(needed: VsockHeader.byteCount + 1, available: chain.writableLength)
        }
        let count = min(chain.writableLength - VsockHeader.byteCount, UInt64(credit.available) - vectors.byteCount)
        try queue.forEachWritablePiece(
            of: chain, at: VsockHeader.byteCount, count: count
        ) { (piece) throws(VirtqueueError) in try vectors.append(piece) }
    }

    /// Receives as many bytes as there is room for.
    func receive(into vectors: GuestVectors) throws(VirtqueueError) -> Reception {
        switch stream.receive(into: vectors) {
        case .bytes(let received):
            credit.send(UInt32(received))
            return .bytes(UInt32(received))
        case .wouldBlock: input = .idle
        case .ended:
            input = .ended
            if stream.isHungUp { refuseOutput() }
        case .broken: return .broken
        case .badMemory: throw .memory(vectors.inaccessiblePiece)
        }
        return .nothing
    }

    /// How many buffers of the guest are worth taking for what the program has.
    var chainsWanted: Int { isDrained ? 1 : burst }

    /// Learns how much the program sends at a time.
    ///
    /// - Parameter packets: how many of the buffers its bytes took.
    func learn(packets: Int, of offered: Int) {
        guard packets > 0 else { return }
        isDrained = packets < offered
        // There may have been fewer buffers than wanted.
        burst = isDrained ? packets : min(max(2 * offered, burst), Self.mostChains)
    }

    // MARK: To the guest

    /// What is to be sent to the guest next.
    enum Duty {
        case receive
        case creditRequest
        case creditUpdate
        case shutdown(VsockShutdown)
    }

    var duty: Duty? {
        if case .promising = input {
            if credit.available > 0 { return .receive }
            if !hasAskedForCredit { return .creditRequest }
        }
        if isAskedForCredit || credit.owesUpdate { return .creditUpdate }
        return ending.isSubset(of: told) ? nil : .shutdown(ending)
    }

    /// What the guest is to know that is over.
    private var ending: VsockShutdown {
        let receives =
            switch output {
            case .refused: false;
            case .open, .finishing, .finished: true
            }
        let sends =
            switch input {
            case .ended: false;
            case .promising, .idle, .unwanted: true
            }
        if isOver { return .both }
        return [receives ? [] : .receiving, sends ? [] : .sending]
    }

    /// Whether neither end has anything left for the other.
    private var isOver: Bool {
        switch (input, output) {
        case (.ended, .finished), (.ended, .refused), (.unwanted, .refused), (.unwanted, .finished): true
        default: false
        }
    }

    /// Whether the stream has done its part, and the guest knows.
    var isDone: Bool { isOver && told == .both }

    /// The guest is told by a packet.
    func announce(in header: inout VsockHeader) {
        credit.announce(in: &header)
        isAskedForCredit = false
    }

    /// A duty is done by a packet.
    func note(_ duty: Duty) {
        switch duty {
        case .receive, .creditUpdate: break
        case .creditRequest: hasAskedForCredit = true
        case .shutdown(let flags): told.formUnion(flags)
        }
    }
}

extension GuestVectors {
    fileprivate func append(_ piece: GuestBuffer) throws(VirtqueueError) {
        do throws(GuestMemoryError) {
            try append(piece.address, count: piece.count)
        } catch {
            throw .memory(error)
        }
    }
}
