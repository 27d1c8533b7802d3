@testable import Virtio

/// A device with three queues and a configuration that can be written. It answers some requests at once and others
/// later.
struct EchoDevice: VirtioDevice {
    let deviceID: UInt32 = 42
    let features: UInt64 = 0b111
    let queueSizes: [UInt16] = [4, 64, 1]
    private(set) var configurationGeneration: UInt32 = 0
    private var configuration: UInt64 = 0
    /// Requests that are under way: their queue and their chain.
    private var open: [(queue: Int, chain: DescriptorChain)] = []

    func accepts(features: UInt64) -> Bool { features & 0b11 != 0b11 }

    mutating func reset() {
        // Those that are under way are answered too late.
        if configuration != 0 {
            configuration = 0
            configurationGeneration &+= 1
        }
    }

    func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        offset < 8 ? configuration >> (8 * offset) : 0
    }

    mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64) {
        guard offset < 8 else { return }
        configuration ^= value << (8 * offset)
        configurationGeneration &+= 1
    }

    mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        while let chain = try queue.nextChain() {
            let isLate = chain.readableLength > 0 ? try queue.loadUInt8(at: 0, of: chain) & 1 != 0 : false
            if isLate, open.count < 8 {
                open.append((index, chain))
            } else {
                try answer(chain, queue)
            }
        }
    }

    /// Answers the oldest request of a queue.
    mutating func answerLate(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        guard let position = open.firstIndex(where: { $0.queue == index }) else { return }
        let chain = open.remove(at: position).chain
        try queue.complete(chain, written: 0)
    }

    private func answer(_ chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) {
        let count = min(chain.readableLength, chain.writableLength, 16)
        for offset in 0..<count {
            try queue.store(try queue.loadUInt8(at: offset, of: chain), at: count - 1 - offset, of: chain)
        }
        try queue.complete(chain, written: UInt32(count))
    }
}
