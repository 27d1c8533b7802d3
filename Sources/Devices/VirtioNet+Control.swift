import Virtio

/// The control queue (virtio specification, 5.1.6.5).
extension VirtioNet {
    /// Classes of commands, and the commands.
    private enum Command {
        static let receive: UInt8 = 0
        static let address: UInt8 = 1
        static let pairs: UInt8 = 4
        static let offloads: UInt8 = 5

        /// Of `receive`: promiscuous, and all multicast; those behind are extra.
        static let receiveModes: ClosedRange<UInt8> = 0...1
        static let receiveExtraModes: ClosedRange<UInt8> = 2...5
        /// Of `address`.
        static let setTable: UInt8 = 0
        static let setAddress: UInt8 = 1
    }

    mutating func control(_ queue: SplitQueue) throws(VirtqueueError) {
        while let chain = try queue.nextChain() {
            guard chain.writableLength >= 1 else { throw .buffersTooShort(needed: 1, available: 0) }
            let isDone = try obey(chain, queue)
            try queue.store(UInt8(isDone ? 0 : 1), at: 0, of: chain)
            try queue.complete(chain, written: 1)
        }
    }

    /// - Returns: whether the command was one.
    /// - Throws: for a chain without room for class and command, and for queues that are broken.
    private mutating func obey(_ chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) -> Bool {
        let kind = try queue.loadUInt8(at: 0, of: chain)
        let command = try queue.loadUInt8(at: 1, of: chain)
        let length = chain.readableLength - 2
        switch (kind, command) {
        case (Command.receive, Command.receiveModes):
            return has(Feature.controlReceive) && length >= 1
        case (Command.receive, Command.receiveExtraModes):
            return has(Feature.controlReceiveExtra) && length >= 1
        case (Command.address, Command.setTable):
            guard has(Feature.controlReceive) else { return false }
            return try isTable(chain, queue)
        case (Command.address, Command.setAddress):
            guard has(Feature.controlAddress), length == 6 else { return false }
            for byte in 0..<6 { address[byte] = try queue.loadUInt8(at: 2 + UInt64(byte), of: chain) }
            return true
        case (Command.pairs, 0):
            guard has(Feature.multipleQueues), length >= 2 else { return false }
            // The host's kernel takes its time to stop and to start queues.
            queue.endTurn()
            return try setPairCount(Int(try queue.loadUInt16(at: 2, of: chain)))
        case (Command.offloads, 0):
            guard has(Feature.controlGuestOffloads), length >= 8 else { return false }
            return setOffloads(try queue.loadUInt64(at: 2, of: chain))
        default:
            return false
        }
    }

    private func has(_ feature: UInt64) -> Bool { (negotiated ?? 0) & feature != 0 }

    /// Whether a command has two lists of addresses: their number, and 6 bytes for each.
    private func isTable(_ chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) -> Bool {
        var offset: UInt64 = 2
        for _ in 0..<2 {
            guard chain.readableLength - offset >= 4 else { return false }
            let bytes = 4 + 6 * UInt64(try queue.loadUInt32(at: offset, of: chain))
            guard chain.readableLength - offset >= bytes else { return false }
            offset += bytes
        }
        return true
    }

    private mutating func setPairCount(_ count: Int) throws(VirtqueueError) -> Bool {
        guard (1...configuration.pairCount).contains(count) else { return false }
        pairCount = count
        // From the answer on, nothing comes by the others.
        for index in 2 * count..<2 * configuration.pairCount { stopKernel(index) }
        try startKernel()
        return true
    }

    private func setOffloads(_ chosen: UInt64) -> Bool {
        guard chosen & ~((negotiated ?? 0) & VirtioNetConfiguration.guestOffloads) == 0 else { return false }
        setOffloads(VirtioNetConfiguration.offloads(of: chosen))
        return true
    }
}
