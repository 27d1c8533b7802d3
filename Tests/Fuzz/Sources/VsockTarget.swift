import Devices
import GuestMemory
import Virtio

/// A socket device whose driver sends what the input says, with programs that do what the input says.
final class VsockTarget: FuzzTarget {
    private let memory: FuzzMemory

    init() throws {
        memory = try FuzzMemory()
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let test = VsockUnderTest(memory: memory)
        while !input.isEmpty {
            test.step(&input)
        }
        test.finish()
    }
}
