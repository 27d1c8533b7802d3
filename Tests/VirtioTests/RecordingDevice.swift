import GuestMemory

@testable import Virtio

/// A device that answers each request with its bytes in reverse, and keeps what its transport calls.
struct RecordingDevice: VirtioDevice {
    enum Event: Equatable {
        case activate(UInt64)
        case reset
        case systemReset
        case write(offset: UInt64, size: Int, value: UInt64)
        case process(Int)
    }

    var deviceID: UInt32 = 24
    var features: UInt64 = 0b11
    var queueSizes: [UInt16] = [8, 256]
    var configurationGeneration: UInt32 = 0
    var refused: UInt64 = 0
    var configuration: UInt64 = 0x8877_6655_4433_2211
    /// Takes this many chains a turn and leaves them open.
    var keeps = 0

    var events: [Event] = []
    var kept: [DescriptorChain] = []
    var completed = 0

    func accepts(features: UInt64) -> Bool { features & refused == 0 }

    mutating func activate(features: UInt64) { events.append(.activate(features)) }

    mutating func reset() { events.append(.reset) }

    mutating func systemReset() { events.append(.systemReset) }

    func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        guard offset < 8 else { return 0 }
        return configuration >> (8 * offset)
    }

    mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64) {
        events.append(.write(offset: offset, size: size, value: value))
    }

    mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        events.append(.process(index))
        while let chain = try queue.nextChain() {
            if keeps > 0 {
                keeps -= 1
                kept.append(chain)
                if keeps == 0 { return }
                continue
            }
            try answer(chain, queue)
        }
    }

    mutating func answer(_ chain: DescriptorChain, _ queue: SplitQueue) throws(VirtqueueError) {
        let count = min(chain.readableLength, chain.writableLength)
        for offset in 0..<count {
            let byte = try queue.loadUInt8(at: offset, of: chain)
            try queue.store(byte, at: count - 1 - offset, of: chain)
        }
        try queue.complete(chain, written: UInt32(count))
        completed += 1
    }
}
