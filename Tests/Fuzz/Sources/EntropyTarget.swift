import Devices

@testable import Virtio

/// The entropy device, whose driver does as the input says.
final class EntropyTarget: FuzzTarget {
    private let memory: FuzzMemory

    init() throws {
        memory = try FuzzMemory()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let test = TransportUnderTest(VirtioEntropy(), memory: memory)
        while !input.isEmpty {
            test.step(&input) { test, _ in test.transport.processQueue(0) }
        }
    }
}
