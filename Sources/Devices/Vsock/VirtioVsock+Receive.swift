import Virtio

/// Packets to the guest.
extension VirtioVsock {
    /// Fills the guest's buffers, as long as there are packets and buffers.
    mutating func fill(_ queue: SplitQueue) throws(VirtqueueError) {
        lacksBuffers = false
        while !(rejections.isEmpty && table.isLineEmpty) {
            guard let chain = try queue.nextChain() else {
                lacksBuffers = true
                return
            }
            if let rejection = rejections.removeFirst() {
                try send(rejection, chain, queue)
            } else if let id = table.dequeue() {
                if try !serve(id, chain, queue) { queue.putBack(from: chain) }
                table.enqueue(id)
            } else {
                queue.putBack(from: chain)
            }
        }
    }

    private func send(
        _ header: VsockHeader, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) {
        try header.store(to: chain, queue)
        try queue.complete(chain, written: UInt32(VsockHeader.byteCount))
    }

    /// Sends a packet of a connection.
    ///
    /// - Returns: false if it turns out to have none.
    private mutating func serve(
        _ id: VsockID, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) -> Bool {
        guard let connection = table[id] else { return false }
        var header = VsockHeader(
            sourceCID: VsockHeader.hostCID, destinationCID: cid, sourcePort: connection.ports.host,
            destinationPort: connection.ports.guest, operation: VsockOperation.reset.rawValue)
        switch connection.phase {
        case .reachingProgram, .draining, .leftToGuest, .askingGuest(_, _, isSent: true): return false
        case .askingGuest(let stream, var credit, isSent: false):
            header.operation = VsockOperation.request.rawValue
            credit.announce(in: &header)
            table.set(.askingGuest(stream, credit, isSent: true), of: id)
        case .open(let link, owesResponse: true):
            header.operation = VsockOperation.response.rawValue
            link.announce(in: &header)
            table.set(.open(link, owesResponse: false), of: id)
        case .open(let link, owesResponse: false):
            return try serve(link, id, header, chain, queue)
        case .resetting:
            table.remove(id)
        }
        try send(header, chain, queue)
        return true
    }

    /// Sends the packet that a link owes the guest, or several with bytes of its program.
    ///
    /// - Parameter reset: the packet that ends the connection: others have the same addresses and ports.
    /// - Returns: false where it owes none.
    private mutating func serve(
        _ link: VsockLink, _ id: VsockID, _ reset: VsockHeader, _ chain: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) -> Bool {
        while let duty = link.duty {
            var header = reset
            switch duty {
            case .receive:
                header.operation = VsockOperation.data.rawValue
                switch try receive(from: link, header, chain, queue) {
                case .nothing: continue
                case .bytes: return true
                case .broken:
                    ask(for: .close(id))
                    table.remove(id)
                    try send(reset, chain, queue)
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
            try send(header, chain, queue)
            return true
        }
        return false
    }

    /// Sends what a program has for the guest: by one system call, as many packets as that takes.
    ///
    /// - Parameter first: the first buffer; those of the queue that follow are taken as they are needed.
    private mutating func receive(
        from link: VsockLink, _ header: VsockHeader, _ first: DescriptorChain, _ queue: SplitQueue
    ) throws(VirtqueueError) -> VsockLink.Reception {
        vectors.removeAll()
        chains.removeAll(keepingCapacity: true)
        var next: DescriptorChain? = first
        while let chain = next {
            chains.append(chain)
            try link.append(chain, of: queue, to: vectors)
            let wantsMore = chains.count < link.chainsWanted && vectors.byteCount < UInt64(link.credit.available)
            next = wantsMore ? try queue.anotherChain() : nil
        }
        let reception = try link.receive(into: vectors)
        var left: UInt64 = if case .bytes(let count) = reception { UInt64(count) } else { 0 }
        var packets = 0
        while left > 0 {
            let chain = chains[packets]
            var header = header
            header.length = UInt32(min(left, chain.writableLength - VsockHeader.byteCount))
            link.announce(in: &header)
            try header.store(to: chain, queue)
            try queue.stage(chain, written: UInt32(VsockHeader.byteCount) + header.length)
            left -= UInt64(header.length)
            packets += 1
        }
        try queue.publish()
        // The first one is the caller's, if there was nothing to put into it.
        let kept = max(packets, 1)
        if kept < chains.count { queue.putBack(from: chains[kept], count: chains.count - kept) }
        link.learn(packets: packets, of: chains.count)
        return reception
    }
}
