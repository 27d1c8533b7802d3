import Devices
import GuestMemory

@testable import Virtio
@testable import VirtioTestSupport

/// A console with both of its queues, and its driver.
final class ConsoleFixture {
    let fixture: DeviceFixture<VirtioConsole>
    /// The driver's end of the receive queue.
    private(set) var input: FakeDriver
    /// The driver's end of the transmit queue.
    private(set) var output: FakeDriver

    var transport: VirtioMMIOTransport<VirtioConsole> { fixture.transport }
    var memory: GuestMemory { fixture.memory }

    private static let outputSetup = QueueSetup(
        size: 8, descriptorTable: 0x13_0000, availableRing: 0x14_0000, usedRing: 0x15_0000)

    init(_ device: sending VirtioConsole = VirtioConsole(), features: UInt64 = 0, memory: GuestMemory? = nil) throws {
        fixture = try DeviceFixture(device, memory: memory)
        let features = VirtioFeature.version1 | features
        input = FakeDriver(memory: fixture.memory, setup: TestMemory.setup(size: 8), features: features)
        output = FakeDriver(memory: fixture.memory, setup: Self.outputSetup, features: features)
        try start()
    }

    /// Does what a driver does that begins.
    func start() throws {
        fixture.write(.status, 0)
        input = FakeDriver(memory: memory, setup: input.setup, features: input.features)
        output = FakeDriver(memory: memory, setup: output.setup, features: output.features)
        for driver in [input, output] { _ = try driver.makeQueue() }
        fixture.negotiate(input.features)
        fixture.setUp(input.setup, queue: 0)
        fixture.setUp(output.setup, queue: 1)
        fixture.write(.status, DeviceFixture<VirtioConsole>.ready)
        _ = fixture.host.takeNotifications()
    }

    /// Writes bytes as the guest does, at an address.
    func write(_ bytes: [UInt8], at address: UInt64 = TestMemory.free) throws {
        try memory.write(bytes, at: GuestAddress(address))
        try output.add([.readable(address, UInt32(bytes.count))])
        try output.publish()
    }

    /// Takes what the guest wrote.
    func take(_ limit: Int = .max) -> [UInt8] {
        transport.processQueue(VirtioConsole.transmitQueue)
        return transport.withDevice { device in
            var bytes: [UInt8] = []
            device.takeOutput(upTo: limit, appendingTo: &bytes)
            return bytes
        }
    }

    /// Gives bytes to the guest; returns how many were taken.
    func give(_ bytes: [UInt8]) -> Int {
        let count = transport.withDevice { $0.receive(bytes[...]) }
        transport.processQueue(VirtioConsole.receiveQueue)
        return count
    }

    /// What the driver got in buffers of one piece each, by their addresses.
    func received(from addresses: [UInt64]) throws -> [UInt8] {
        let used = try input.takeUsed()
        return try zip(used, addresses).flatMap { used, address in
            try memory.read(Int(used.written), at: GuestAddress(address))
        }
    }
}
