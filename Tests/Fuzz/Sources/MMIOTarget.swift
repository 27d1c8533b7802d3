import GuestMemory
import VirtioMem

@testable import Virtio

/// The registers of a device, read and written in any way, with its queues in memory that is as the input says. Behind
/// them is a memory device, or one with several queues that answers late.
final class MMIOTarget: FuzzTarget {
    private let memory: FuzzMemory
    private let region: GuestMemoryRegion
    private let budget = MappingBudget(limit: 64)

    static let blockSize: UInt64 = 64 << 10
    static let blockCount: UInt64 = 64

    init() throws {
        region = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(FuzzMemory.elastic), size: Self.blockCount * Self.blockSize)
        memory = try FuzzMemory(with: [region])
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        if input.uint8() & 1 == 0 {
            runMemoryDevice(&input)
        } else {
            runEchoDevice(&input)
        }
    }

    private func runMemoryDevice(_ input: inout InputReader) {
        let slots = FuzzSlots()
        let elastic = demand("elastic region") {
            let elastic = try ElasticRegion(
                region, blockSize: Self.blockSize, slotSize: 4 * Self.blockSize, budget: budget)
            elastic.connect(to: slots)
            return elastic
        }
        let node: UInt16? = input.uint8() & 1 == 0 ? nil : 3
        let requested = UInt64(input.uint8() & 63) * Self.blockSize
        // All of this is one thread's.
        nonisolated(unsafe) let device = demand("memory device") {
            try VirtioMemDevice(region: elastic, requestedSize: requested, node: node)
        }
        let test = TransportUnderTest(device, memory: memory)
        while !input.isEmpty {
            test.step(&input) { test, input in
                switch input.uint8() & 3 {
                case 0:
                    let size = UInt64(input.uint8()) * Self.blockSize / 2
                    test.transport.withDevice { device in try? device.setRequestedSize(size) }
                    test.transport.configurationChanged()
                case 1: test.transport.withDevice { $0.region.maintain() }
                case 2: slots.failNext(input.uint8())
                default: self.writeRequest(&input)
                }
            }
        }
        if elastic.pluggedSize > 0 {
            demand("discard") { try region.mapping.discard(0..<region.size) }
        }
    }

    /// A request of the guest's driver where the first descriptors of queue 0 have it.
    private func writeRequest(_ input: inout InputReader) {
        let at = FuzzMemory.low + 0x3000
        let parts = [(at, 24, 1), (at + 0x100, 10, 2)] as [(UInt64, UInt64, UInt64)]
        for (index, part) in parts.enumerated() {
            let descriptor = FuzzMemory.low + 16 * UInt64(index)
            memory.store(part.0, descriptor, bytes: 8)
            memory.store(part.1 | part.2 << 32 | UInt64(index + 1) << 48, descriptor + 8, bytes: 8)
        }
        memory.store(UInt64(input.uint8() % 5), at, bytes: 2)
        memory.store(FuzzMemory.elastic + UInt64(input.uint8()) * Self.blockSize, at + 8, bytes: 8)
        memory.store(UInt64(input.uint8()), at + 16, bytes: 2)
    }

    private func runEchoDevice(_ input: inout InputReader) {
        let test = TransportUnderTest(EchoDevice(), memory: memory)
        while !input.isEmpty {
            test.step(&input) { test, input in
                let index = Int(input.uint8() & 3)
                test.transport.withQueue(index) { (device, queue) throws(VirtqueueError) in
                    try device.answerLate(queue: index, queue)
                }
            }
        }
    }
}
