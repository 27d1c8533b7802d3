import Virtio

/// Packets from the guest.
extension VirtioVsock {
    /// So many packets of a connection are taken together: as many as hold all that a guest may send, if they are as small
    /// as those in which it got the bytes, each with a credit update.
    private static let packetsAtOnce = 64

    mutating func drain(_ queue: SplitQueue) throws(VirtqueueError) {
        isTransmitHeld = false
        // Each makes one answer at most.
        while rejections.hasRoom {
            guard let chain = try queue.nextChain() else { return }
            let header = try VsockHeader(of: chain, queue)
            packets.removeAll(keepingCapacity: true)
            packets.append(VsockPacket(chain: chain, count: header.length))
            try take(header, queue)
            for packet in packets { try queue.stage(packet.chain, written: 0) }
            try queue.publish()
        }
        isTransmitHeld = true
    }

    /// Does what a packet asks for, the first of `packets`.
    private mutating func take(_ header: VsockHeader, _ queue: SplitQueue) throws(VirtqueueError) {
        // Nobody else's packets can come this way.
        guard header.sourceCID == cid else { return }
        let operation = VsockOperation(rawValue: header.operation)
        let ports = VsockPorts(guest: header.sourcePort, host: header.destinationPort)
        guard header.destinationCID == VsockHeader.hostCID, header.type == VsockHeader.stream else {
            return reject(header)
        }
        guard let id = table.find(ports), let phase = table[id]?.phase else {
            if operation == .request { accept(header, ports) } else { reject(header) }
            return
        }
        switch (operation, phase) {
        case (.reset, _): close(id)
        case (.response, .askingGuest(let stream, var credit, isSent: true)):
            credit.learn(from: header)
            begin(id, ports, stream, credit)
        case (.data, .open(let link, _)):
            try forward(header, queue, id, link)
        case (.shutdown, .open(let link, _)):
            shutDown(header, id, link)
        case (.creditUpdate, .open(let link, _)):
            link.learn(from: header)
            table.enqueue(id)
        case (.creditRequest, .open(let link, _)):
            link.learn(from: header)
            link.isAskedForCredit = true
            table.enqueue(id)
        case (.shutdown, .leftToGuest) where VsockShutdown(rawValue: header.flags).isSuperset(of: .both):
            close(id)
            reject(header)
        // It was on its way when the program left.
        case (.data, .leftToGuest), (.shutdown, .leftToGuest), (.creditUpdate, .leftToGuest),
            (.creditRequest, .leftToGuest), (_, .resetting):
            break
        case (.request, _), (.response, _), (.data, _), (.shutdown, _), (.creditUpdate, _), (.creditRequest, _),
            (nil, _):
            close(id)
            reject(header)
        }
    }

    /// Answers that there is no such connection; never to who says the same.
    private mutating func reject(_ header: VsockHeader) {
        if header.operation != VsockOperation.reset.rawValue { rejections.append(header.rejection) }
    }

    private mutating func accept(_ header: VsockHeader, _ ports: VsockPorts) {
        var credit = VsockCredit(grant: table.nextGrant)
        credit.learn(from: header)
        let connection = VsockConnection(ports: ports, phase: .reachingProgram(credit), grant: credit.grant)
        guard let id = table.add(connection) else { return reject(header) }
        ask(for: .connect(id, port: ports.host))
    }

    /// The guest agrees to a program's connection; the program is told.
    private mutating func begin(
        _ id: VsockID, _ ports: VsockPorts, _ stream: any VsockStream, _ credit: VsockCredit
    ) {
        let answer = Array("OK \(ports.host)\n".utf8)
        // Nothing was sent to it before: there is room.
        guard stream.send(unsafe answer.span.bytes) == .bytes(answer.count) else { return abort(id) }
        table.set(.open(VsockLink(stream, credit: credit), owesResponse: false), of: id)
        table.enqueue(id)
    }

    private mutating func forward(
        _ header: VsockHeader, _ queue: SplitQueue, _ id: VsockID, _ link: VsockLink
    ) throws(VirtqueueError) {
        link.learn(from: header)
        guard packets[0].isWhole, link.accept(packets[0].count) else {
            close(id)
            return reject(header)
        }
        takeMore(behind: header, queue, link)
        let wasWaiting = link.isWaiting
        switch try link.forward(packets, of: queue, with: vectors) {
        case .fine:
            if !wasWaiting, link.isWaiting { ask(for: .watchRoom(id, true)) }
            table.enqueue(id)
        case .broken:
            close(id)
            reject(header)
        }
    }

    /// Takes the packets that go on with the same bytes, so that one system call sends all of them, and the program is
    /// awakened once. A guest whose program reads as fast as it gets something has a credit update between any two. Whatever
    /// else comes is left for its own turn, and what is wrong with it, too.
    private mutating func takeMore(behind header: VsockHeader, _ queue: SplitQueue, _ link: VsockLink) {
        while packets.count < Self.packetsAtOnce, let chain = try? queue.anotherChain() {
            guard let next = try? VsockHeader(of: chain, queue), let count = next.count(continuing: header) else {
                return queue.putBack(from: chain)
            }
            let packet = VsockPacket(chain: chain, count: count)
            guard packet.isWhole, link.accept(count) else { return queue.putBack(from: chain) }
            link.learn(from: next)
            packets.append(packet)
        }
    }

    private mutating func shutDown(_ header: VsockHeader, _ id: VsockID, _ link: VsockLink) {
        link.learn(from: header)
        link.shutDown(VsockShutdown(rawValue: header.flags))
        guard link.isClosedByGuest else { return table.enqueue(id) }
        // The answer that ends a connection in order (5.10.6.5).
        reject(header)
        guard link.isWaiting else { return close(id) }
        table.releasePorts(of: id)
        table.set(.draining(link), of: id)
        ask(for: .limit(id))
    }
}
