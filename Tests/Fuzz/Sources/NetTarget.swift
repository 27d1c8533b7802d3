import GuestMemory

@testable import Devices
@testable import Virtio

/// A network device whose queues are in memory that is as the input says, with frames that come and go.
final class NetTarget: FuzzTarget {
    private typealias Feature = VirtioNetConfiguration.Feature

    private let memory: FuzzMemory

    init() throws {
        memory = try FuzzMemory()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let pairs = Int(input.uint8() & 1) + 1
        let ports = demand("ports") { try (0..<pairs).map { _ in try FuzzPort() } }
        let configuration = VirtioNetConfiguration(
            address: [2, 0, 0, 0, 0, 1], pairCount: pairs, mtu: 1500, offloads: [.checksum, .tcp4, .tcp6])
        let test = TransportUnderTest(
            VirtioNet(configuration, ports: ports, memory: memory.memory), memory: memory,
            features: [
                Feature.mergeableBuffers, Feature.control | Feature.controlAddress | Feature.controlReceive,
                Feature.multipleQueues,
            ])
        while !input.isEmpty {
            test.step(&input) { test, input in
                let operation = input.uint8()
                let pair = Int(operation >> 7) % pairs
                switch operation & 3 {
                case 0:
                    ports[pair].put(Int(input.length() % 70_000))
                    test.transport.withQueue(2 * pair) { (device, queue) throws(VirtqueueError) in
                        try device.receive(pair: pair, queue)
                    }
                case 1:
                    test.transport.withQueue(2 * pair + 1) { (device, queue) throws(VirtqueueError) in
                        try device.transmit(pair: pair, queue)
                    }
                case 2: ports[pair].drain()
                default: self.writeCommand(&input)
                }
            }
        }
        ports.forEach { $0.drain() }
    }

    /// A command of the guest's driver where the first descriptors of the third queue have it.
    private func writeCommand(_ input: inout InputReader) {
        let (table, at) = (FuzzMemory.low + 0x2000, FuzzMemory.low + 0x3800)
        let length = UInt64(input.uint8() & 31)
        let parts = [(at, length, 1), (at + 0x100, 1, 2)] as [(UInt64, UInt64, UInt64)]
        for (index, part) in parts.enumerated() {
            memory.store(part.0, table + 16 * UInt64(index), bytes: 8)
            memory.store(part.1 | part.2 << 32 | UInt64(index + 1) << 48, table + 16 * UInt64(index) + 8, bytes: 8)
        }
        for index in 0..<length { memory[at + index] = input.uint8() }
    }
}
