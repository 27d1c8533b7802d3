import Devices
import DiskIO

@testable import Virtio

/// A disk, whose driver does as the input says, and whose host is done with requests when, and as far as, that says.
final class BlockTarget: FuzzTarget {
    private let memory: FuzzMemory
    private let disk: FuzzDisk

    private static let queueCount = 2
    /// Flushes, several queues, and ranges that are given back or zeroed.
    private static let features: [UInt64] = [1 << 9, 1 << 12, 1 << 13 | 1 << 14]

    init() throws {
        memory = try FuzzMemory()
        disk = try FuzzDisk()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let byte = input.uint8()
        let configuration = VirtioBlockConfiguration(
            size: FuzzDisk.size, isReadOnly: byte & 7 == 7, discards: byte & 8 == 0, ignoresFlushes: byte & 16 != 0,
            serial: "fuzz", queueCount: Self.queueCount, queueSize: 64)
        let engines = (0..<Self.queueCount).map { _ in FuzzDiskEngine(disk) }
        // All of this is one thread's.
        nonisolated(unsafe) let device = VirtioBlock(configuration, engines: engines, memory: memory.memory)
        let test = TransportUnderTest(device, memory: memory, features: Self.features)
        while !input.isEmpty {
            test.step(&input) { test, input in
                let index = Int(input.uint8() & 1)
                if input.uint8() & 3 == 0 {
                    writeRequest(&input)
                } else {
                    engines[index].finishOldest(input.uint8())
                    complete(index, test)
                }
            }
            require(
                test.isRunning || engines.allSatisfy { $0.isIdle },
                "nothing reads or writes the memory of a driver that is gone")
        }
        engines.forEach { $0.finishAll() }
    }

    private func complete(_ index: Int, _ test: TransportUnderTest<VirtioBlock>) {
        guard test.transport.isUsable(index) else {
            return test.transport.withDevice { $0.dropCompletions(queue: index) }
        }
        test.transport.withQueue(index) { (device, queue) throws(VirtqueueError) in
            try device.complete(queue: index, queue)
        }
    }

    /// A request of a driver where the first descriptors of queue 0 have it.
    private func writeRequest(_ input: inout InputReader) {
        let at = FuzzMemory.low + 0x3000
        let isRead = input.uint8() & 1 == 0
        let count = UInt64(input.length())
        let parts = [(at, 16, 1), (at + 0x100, count, isRead ? 3 : 1), (at + 0x40, 1, 2)] as [(UInt64, UInt64, UInt64)]
        for (index, part) in parts.enumerated() {
            let descriptor = FuzzMemory.low + 16 * UInt64(index)
            memory.store(part.0, descriptor, bytes: 8)
            memory.store(part.1 | part.2 << 32 | UInt64(index + 1) << 48, descriptor + 8, bytes: 8)
        }
        memory.store(UInt64(input.uint8() & 15), at, bytes: 4)
        memory.store(UInt64(input.uint8()), at + 8, bytes: 8)
    }
}
