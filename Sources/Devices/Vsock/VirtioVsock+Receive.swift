import Virtio

/// Packets to the guest.
extension VirtioVsock {
    /// Fills the guest's buffers, as long as there are packets and buffers.
    mutating func fill(_ queue: SplitQueue) throws(VirtqueueError) {
        lacksBuffers = false
        while !(rejections.isEmpty && table.isLineEmpty) {
            guard let chain = try nextBuffer(queue) else {
                lacksBuffers = true
                return
            }
            if let rejection = rejections.removeFirst() {
                try send(rejection, chain, queue)
            } else if let id = table.dequeue() {
                try serve(id, chain, queue)
                table.enqueue(id)
            }
        }
    }

    /// The buffer for the next packet; it stays that until a packet is in it.
    private mutating func nextBuffer(_ queue: SplitQueue) throws(VirtqueueError) -> DescriptorChain? {
        if let spare, queue.owns(spare) { return spare }
        spare = try queue.nextChain()
        return spare
    }

    private mutating func send(
        _ header: VsockHeader, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) {
        try header.store(to: chain, queue)
        try queue.complete(chain, written: UInt32(VsockHeader.byteCount) + header.length)
        spare = nil
    }

    /// Sends a packet of a connection, if it turns out to have one.
    private mutating func serve(
        _ id: VsockID, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) {
        guard let connection = table[id] else { return }
        var header = VsockHeader(
            sourceCID: VsockHeader.hostCID, destinationCID: cid, sourcePort: connection.ports.host,
            destinationPort: connection.ports.guest, operation: VsockOperation.reset.rawValue)
        switch connection.phase {
        case .reachingProgram, .draining, .leftToGuest, .askingGuest(_, _, isSent: true): return
        case .askingGuest(let stream, var credit, isSent: false):
            header.operation = VsockOperation.request.rawValue
            credit.announce(in: &header)
            table.set(.askingGuest(stream, credit, isSent: true), of: id)
        case .open(let link, owesResponse: true):
            header.operation = VsockOperation.response.rawValue
            link.announce(in: &header)
            table.set(.open(link, owesResponse: false), of: id)
        case .open(let link, owesResponse: false):
            guard try fill(&header, link, id, chain, queue) else { return }
        case .resetting:
            table.remove(id)
        }
        try send(header, chain, queue)
    }

    /// Makes the packet that a link owes the guest; false where it owes none.
    private mutating func fill(
        _ header: inout VsockHeader, _ link: VsockLink, _ id: VsockID, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) -> Bool {
        while let duty = link.duty {
            switch duty {
            case .receive:
                switch try link.receive(into: chain, of: queue, with: vectors) {
                case .nothing: continue
                case .bytes(let count):
                    header.operation = VsockOperation.data.rawValue
                    header.length = count
                case .broken:
                    ask(for: .close(id))
                    table.remove(id)
                    return true
                }
            case .creditRequest: header.operation = VsockOperation.creditRequest.rawValue
            case .creditUpdate: header.operation = VsockOperation.creditUpdate.rawValue
            case .shutdown(let flags):
                header.operation = VsockOperation.shutdown.rawValue
                header.flags = flags.rawValue
            }
            link.announce(in: &header)
            link.note(duty)
            if link.isDone {
                ask(for: .close(id))
                table.set(.leftToGuest, of: id)
            }
            return true
        }
        return false
    }
}
