import Devices

@testable import Virtio

/// The console, whose driver and whose owner do as the input says.
final class ConsoleTarget: FuzzTarget {
    private let memory: FuzzMemory

    /// Bytes of output and of input that wait in the device at most.
    private static let limits = (output: 1 << 14, input: 1 << 12)

    init() throws {
        memory = try FuzzMemory()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let columns = input.uint8()
        let size = columns & 1 == 0 ? nil : VirtioConsole.Size(columns: UInt16(columns), rows: 25)
        let test = TransportUnderTest(VirtioConsole(size: size), memory: memory, features: [1, 4])
        while !input.isEmpty {
            test.step(&input) { test, input in act(on: test, &input) }
        }
        let rest = take(.max, from: test)
        require(rest <= Self.limits.output, "what waits is bounded: \(rest)")
        require(take(.max, from: test) == 0, "what was taken is gone")
    }

    private func act(on test: TransportUnderTest<VirtioConsole>, _ input: inout InputReader) {
        let count = Int(input.length() & 0xFFFF)
        switch input.uint8() & 3 {
        case 0: require(take(count, from: test) <= count, "no more than is asked for")
        case 1: give(count, to: test)
        case 2:
            let size = VirtioConsole.Size(columns: UInt16(count), rows: 25)
            if test.transport.withDevice({ $0.setSize(size) }) { test.transport.configurationChanged() }
        default: test.transport.write(offset: 0x108, size: 4, value: UInt64(count))
        }
    }

    private func take(_ limit: Int, from test: TransportUnderTest<VirtioConsole>) -> Int {
        test.transport.withDevice { device in
            var bytes: [UInt8] = []
            device.takeOutput(upTo: limit, appendingTo: &bytes)
            return bytes.count
        }
    }

    private func give(_ count: Int, to test: TransportUnderTest<VirtioConsole>) {
        let bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count)
        let taken = test.transport.withDevice { $0.receive(bytes[...]) }
        require(taken <= min(count, Self.limits.input), "no more than there is, and there is room for")
    }
}
