import GuestMemory
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// A driver of a socket device, and what whoever has the device does for it.
final class VsockDriver {
    static let cid: UInt32 = 3

    /// A packet, as it came.
    struct Packet: Equatable {
        var header: VsockHeader
        var bytes: [UInt8] = []

        var operation: VsockOperation? { VsockOperation(rawValue: header.operation) }
        var flags: VsockShutdown { VsockShutdown(rawValue: header.flags) }
    }

    let fixture: DeviceFixture<VirtioVsock>
    private let receiver: FakeDriver
    private let transmitter: FakeDriver
    /// Buffers by the heads of their chains.
    private var buffers: [UInt32: UInt64] = [:]
    /// Those that the device does not have.
    private var spare: [UInt64] = []
    /// Bytes of a buffer for packets to the guest.
    private let bufferSize: UInt32
    /// What the device asked for and was not done.
    private(set) var actions: [VsockAction] = []

    private static let buffers = TestMemory.start + 0x4_0000
    static let packets = TestMemory.start + 0xA_0000

    /// - Parameters:
    ///   - bufferCount: how many buffers the device has for packets, at most.
    init(bufferCount: Int = 16, bufferSize: UInt32 = 1024, features: UInt64 = VirtioFeature.version1) throws {
        let memory = try TestMemory.make()
        fixture = try DeviceFixture(VirtioVsock(cid: Self.cid, memory: memory), memory: memory)
        self.bufferSize = bufferSize
        receiver = FakeDriver(memory: memory, setup: Self.setup(0, size: 64), features: features)
        transmitter = FakeDriver(memory: memory, setup: Self.setup(1, size: 64), features: features)
        spare = (0..<UInt64(bufferCount)).map { Self.buffers + $0 * UInt64(bufferSize) }
        try start(features: features)
    }

    private static func setup(_ index: UInt64, size: UInt16) -> QueueSetup {
        let start = TestMemory.start + index * 0x4000
        return QueueSetup(
            size: size, descriptorTable: start, availableRing: start + 0x1000, usedRing: start + 0x2000)
    }

    private func start(features: UInt64) throws {
        for driver in [receiver, transmitter] { _ = try driver.makeQueue() }
        fixture.negotiate(features)
        fixture.setUp(receiver.setup, queue: 0)
        fixture.setUp(transmitter.setup, queue: 1)
        fixture.setUp(Self.setup(2, size: 8), queue: 2)
        fixture.write(.status, DeviceFixture<VirtioVsock>.ready)
        try giveBuffers()
    }

    var memory: GuestMemory { fixture.memory }

    /// Does something with the device.
    func withDevice<Result: Sendable>(_ body: @Sendable (inout VirtioVsock) -> Result) -> Result {
        fixture.transport.withDevice { body(&$0) }
    }

    var connectionCount: Int { withDevice { $0.connectionCount } }

    // MARK: The guest

    /// Gives the device all buffers that it does not have, or some of them.
    func giveBuffers(_ count: Int = .max) throws {
        for _ in 0..<min(count, spare.count) {
            let address = spare.removeFirst()
            // Cut somewhere in the header, as drivers may.
            let head = try #require(
                try receiver.add([.writable(address, 20), .writable(address + 20, bufferSize - 20)]))
            buffers[UInt32(head)] = address
        }
        try receiver.publish()
    }

    /// Takes the packets that the device has for the guest.
    ///
    /// - Parameter returnsBuffers: whether the device gets their buffers again.
    func receive(returnsBuffers: Bool = true) throws -> [Packet] {
        var packets: [Packet] = []
        while true {
            #expect(fixture.transport.processQueue(0) == nil)
            let used = try receiver.takeUsed()
            for entry in used {
                let found = buffers.removeValue(forKey: entry.head)
                let address = try #require(found)
                spare.append(address)
                packets.append(try packet(at: address, count: entry.written))
            }
            if returnsBuffers { try giveBuffers() }
            if used.isEmpty || !returnsBuffers { return packets }
        }
    }

    private func packet(at address: UInt64, count: UInt32) throws -> Packet {
        let place = GuestAddress(address)
        func word(_ offset: UInt64) throws -> UInt64 {
            try memory.loadUInt64(at: GuestAddress(address + offset))
        }
        let header = VsockHeader(
            sourceCID: try word(0), destinationCID: try word(8), sourcePort: UInt32(truncatingIfNeeded: try word(16)),
            destinationPort: UInt32(try word(16) >> 32), length: UInt32(truncatingIfNeeded: try word(24)),
            type: UInt16(truncatingIfNeeded: try word(24) >> 32), operation: UInt16(try word(24) >> 48),
            flags: UInt32(truncatingIfNeeded: try word(32)), allocation: UInt32(try word(32) >> 32),
            forwarded: try memory.loadUInt32(at: GuestAddress(address + 40)))
        #expect(count == 44 + header.length)
        let bytes = try memory.read(Int(44 + header.length), at: place).dropFirst(44)
        return Packet(header: header, bytes: Array(bytes))
    }

    /// A packet of the guest, from one of its ports to one of the host's.
    static func header(
        _ operation: VsockOperation, from port: UInt32, to hostPort: UInt32, flags: VsockShutdown = [],
        allocation: UInt32 = 1 << 16, forwarded: UInt32 = 0
    ) -> VsockHeader {
        VsockHeader(
            sourceCID: UInt64(cid), destinationCID: 2, sourcePort: port, destinationPort: hostPort,
            operation: operation.rawValue, flags: flags.rawValue, allocation: allocation, forwarded: forwarded)
    }

    /// A packet as it is in memory.
    private static func packet(_ header: VsockHeader, _ bytes: [UInt8]) -> [UInt8] {
        let words = [
            header.sourceCID, header.destinationCID, UInt64(header.sourcePort) | UInt64(header.destinationPort) << 32,
            UInt64(header.length) | UInt64(header.type) << 32 | UInt64(header.operation) << 48,
            UInt64(header.flags) | UInt64(header.allocation) << 32,
        ]
        let start = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        return start + (0..<4).map { UInt8(truncatingIfNeeded: header.forwarded >> (8 * $0)) } + bytes
    }

    /// Sends packets of a few bytes, and has the device look at all of them at once.
    func sendTogether(_ packets: [(header: VsockHeader, bytes: [UInt8])]) throws {
        for (number, (header, bytes)) in packets.enumerated() {
            var header = header
            header.length = UInt32(bytes.count)
            let address = Self.packets + 0x400 * UInt64(number)
            let packet = Self.packet(header, bytes)
            try memory.write(packet, at: GuestAddress(address))
            #expect(try transmitter.add([.readable(address, UInt32(packet.count))]) != nil)
        }
        try transmitter.publish()
        #expect(fixture.transport.processQueue(1) == nil)
        #expect(try transmitter.takeUsed().count == packets.count)
    }

    /// Sends a packet, and has the device look at it.
    ///
    /// - Parameters:
    ///   - length: what the header says, if not how many bytes there are.
    ///   - cut: where the packet is cut in two.
    @discardableResult
    func send(
        _ header: VsockHeader, _ bytes: [UInt8] = [], length: UInt32? = nil, cut: Int? = nil
    ) throws -> VirtqueueError? {
        var header = header
        header.length = length ?? UInt32(bytes.count)
        let packet = Self.packet(header, bytes)
        try memory.write(packet, at: GuestAddress(Self.packets))
        let first = min(cut ?? 44, packet.count)
        return try transmit([
            .readable(Self.packets, UInt32(first)),
            .readable(Self.packets + UInt64(first), UInt32(packet.count - first)),
        ])
    }

    /// Sends a chain, whatever it is.
    @discardableResult
    func transmit(_ pieces: [FakeDriver.Piece]) throws -> VirtqueueError? {
        #expect(try transmitter.add(pieces) != nil)
        try transmitter.publish()
        let failure = fixture.transport.processQueue(1)
        _ = try transmitter.takeUsed()
        return failure
    }

    /// How many descriptors, two a packet, of the guest's packets that the device has not taken.
    var heldCount: Int { 64 - transmitter.free.count }

    /// Lets the device go on with the guest's packets.
    func continueTransmitting() throws {
        fixture.transport.processQueue(1)
        _ = try transmitter.takeUsed()
    }

    // MARK: Whoever has the device

    /// What the device asked for since the last time.
    func takeActions() -> [VsockAction] {
        withDevice { $0.takeActions() }
    }

    /// The guest connects to a port of the host, where a program is.
    func connect(from port: UInt32 = 1000, to hostPort: UInt32 = 5, allocation: UInt32 = 1 << 16) throws -> Link {
        try send(Self.header(.request, from: port, to: hostPort, allocation: allocation))
        guard case .connect(let id, hostPort)? = takeActions().first else {
            throw Failure.noConnection
        }
        let stream = FakeStream()
        #expect(withDevice { $0.connected(id, stream) })
        let answer = try #require(try receive().last)
        #expect(answer.operation == .response)
        #expect(answer.header.destinationPort == port && answer.header.sourcePort == hostPort)
        return Link(id: id, stream: stream, port: port, hostPort: hostPort, grant: answer.header.allocation)
    }

    /// A program connects to a port of the guest, which agrees.
    func open(port: UInt32 = 7, allocation: UInt32 = 1 << 16) throws -> Link {
        let stream = FakeStream()
        let id = try #require(withDevice { $0.open(port: port, stream) })
        let request = try #require(try receive().last)
        #expect(request.operation == .request && request.header.destinationPort == port)
        let hostPort = request.header.sourcePort
        try send(Self.header(.response, from: port, to: hostPort, allocation: allocation))
        #expect(stream.outgoing == Array("OK \(hostPort)\n".utf8))
        return Link(id: id, stream: stream, port: port, hostPort: hostPort, grant: request.header.allocation)
    }

    struct Link {
        let id: VsockID
        let stream: FakeStream
        let port: UInt32
        let hostPort: UInt32
        /// What the device has room for.
        let grant: UInt32

        func header(
            _ operation: VsockOperation, flags: VsockShutdown = [], allocation: UInt32 = 1 << 16, forwarded: UInt32 = 0
        ) -> VsockHeader {
            VsockDriver.header(
                operation, from: port, to: hostPort, flags: flags, allocation: allocation, forwarded: forwarded)
        }
    }

    /// The program's end is ready for something.
    func notice(_ link: Link) {
        let isHungUp = link.stream.isHungUp
        withDevice { $0.streamIsReady(link.id, isHungUp: isHungUp) }
    }

    enum Failure: Error {
        case noConnection
    }
}
