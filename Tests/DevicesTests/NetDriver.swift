import GuestMemory
import Host

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// A driver of the network device, with all of its queues.
final class NetDriver {
    typealias Feature = VirtioNetConfiguration.Feature

    static let address: [UInt8] = [0x52, 0x54, 0, 1, 2, 3]
    static let usual = VirtioFeature.version1 | Feature.mergeableBuffers | Feature.control
    /// Where buffers are, and memory that is not accessible.
    static let data = TestMemory.free
    static let hidden: UInt64 = 0x30_0000

    let fixture: DeviceFixture<VirtioNet>
    let ports: [SocketPort]
    let queues: [FakeDriver]
    var memory: GuestMemory { fixture.memory }

    init(
        pairs: Int = 1, mtu: UInt16? = nil, offloads: Tap.Offloads = [], kernels: [FakeNetworkKernel] = [],
        features: UInt64 = usual, size: UInt16 = 64, starts: Bool = true
    ) throws {
        try GuestMemory.installProcessHandlers()
        let memory = GuestMemory(
            regions: try TestMemory.make().regions + [
                GuestMemoryRegion(
                    name: "hidden", start: GuestAddress(Self.hidden), size: 4096, protection: .inaccessible)
            ])
        ports = try (0..<pairs).map { _ in try SocketPort() }
        let configuration = VirtioNetConfiguration(
            address: Self.address, pairCount: pairs, mtu: mtu, offloads: offloads)
        fixture = try DeviceFixture(
            VirtioNet(configuration, ports: ports, kernels: kernels, memory: memory), memory: memory)
        let setups = (0..<UInt64(2 * pairs + 1)).map { index in
            let start = TestMemory.start + index * 0x4000
            return QueueSetup(
                size: size, descriptorTable: start, availableRing: start + 0x1000, usedRing: start + 0x2000)
        }
        queues = setups.map { FakeDriver(memory: memory, setup: $0, features: features) }
        for queue in queues { _ = try queue.makeQueue() }
        if starts { start(features) }
    }

    /// Does all that a driver does until DRIVER_OK.
    func start(_ features: UInt64 = usual) {
        fixture.negotiate(features)
        for (index, queue) in queues.enumerated() { fixture.setUp(queue.setup, queue: UInt32(index)) }
        fixture.write(.status, 15)
        serveNotified()
    }

    /// What the event loop does with what was notified.
    func serveNotified() {
        for index in fixture.host.takeNotifications() { fixture.transport.processQueue(index) }
    }

    /// Adds buffers for frames that come.
    @discardableResult
    func addBuffers(_ count: Int, of length: UInt32, at offset: UInt64 = 0, pair: Int = 0) throws -> [UInt64] {
        var places: [UInt64] = []
        for index in 0..<count {
            places.append(Self.data + offset + UInt64(index) * UInt64(length))
            try queues[2 * pair].add([.writable(places[index], length)])
        }
        try queues[2 * pair].publish()
        fixture.transport.processQueue(2 * pair)
        return places
    }

    /// Has the device look at a port.
    @discardableResult
    func receive(pair: Int = 0) -> VirtqueueError? {
        let failure = fixture.transport.withQueue(2 * pair) { (device, queue) throws(VirtqueueError) in
            try device.receive(pair: pair, queue)
        }
        serveNotified()
        return failure
    }

    func send(_ pieces: [FakeDriver.Piece], pair: Int = 0) throws {
        try queues[2 * pair + 1].add(pieces)
        try queues[2 * pair + 1].publish()
    }

    @discardableResult
    func processTransmit(pair: Int = 0) -> VirtqueueError? { fixture.transport.processQueue(2 * pair + 1) }

    func wants(pair: Int = 0) -> VirtioNet.Wishes { fixture.transport.withDevice { $0.wants(pair: pair) } }

    /// Gives a command, and returns its answer.
    func command(_ bytes: [UInt8], queue index: Int = 2) throws -> UInt8? {
        let place = Self.data + 0x6_0000
        try memory.write(bytes + [0xEE], at: GuestAddress(place))
        let answer = place + UInt64(bytes.count)
        try queues[index].add([.readable(place, UInt32(bytes.count)), .writable(answer, 1)])
        try queues[index].publish()
        fixture.transport.processQueue(index)
        let used = try queues[index].takeUsed()
        return used.isEmpty ? nil : try memory.loadUInt8(at: GuestAddress(answer))
    }

    /// A header and a frame of random-looking bytes.
    static func frame(_ length: Int, seed: Int = 1) -> [UInt8] {
        [UInt8](repeating: 0, count: 12) + (0..<length).map { UInt8(truncatingIfNeeded: ($0 &* 31 &+ seed) >> 2) }
    }
}
