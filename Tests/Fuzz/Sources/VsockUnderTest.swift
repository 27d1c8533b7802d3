import Devices
import GuestMemory
import Virtio

/// A socket device and all around it, and what must hold for them after each step.
final class VsockUnderTest {
    private let memory: FuzzMemory
    private let transport: VirtioMMIOTransport<VirtioVsock>
    private var streams: [(id: VsockID, stream: FuzzStream)] = []
    /// Programs that the guest wants to be connected to.
    private var wanted: [VsockID] = []
    private var sent: UInt16 = 0
    private var given: UInt16 = 0
    private var seen: UInt16 = 0

    private static let size: UInt16 = 8
    private static let queues: [UInt64] = [FuzzMemory.low, FuzzMemory.low + 0x400]
    private static let available: UInt64 = 0x100
    private static let used: UInt64 = 0x200
    private static let buffers = FuzzMemory.low + 0x1000
    private static let bufferSize: UInt64 = 0x100
    private static let packet = FuzzMemory.low + 0x2000
    private static let cid: UInt64 = 3

    init(memory: FuzzMemory) {
        self.memory = memory
        let host = FuzzHost()
        transport = VirtioMMIOTransport(
            device: VirtioVsock(cid: UInt32(Self.cid), memory: memory.memory), memory: memory.memory,
            interruptLine: host, notifier: host)
        start()
    }

    /// From reset to DRIVER_OK.
    private func start() {
        write(0x70, 0)
        act()
        require(streams.isEmpty && count == 0, "a reset closes all connections")
        (sent, given, seen) = (0, 0, 0)
        for offset in 0..<0x800 as Range<UInt64> { memory[FuzzMemory.low + offset] = 0 }
        for (register, value) in [(0x70, 1), (0x70, 3), (0x24, 1), (0x20, 1), (0x70, 11)] as [(UInt64, UInt64)] {
            write(register, value)
        }
        for (index, queue) in Self.queues.enumerated() {
            let registers: [(UInt64, UInt64)] = [
                (0x30, UInt64(index)), (0x38, UInt64(Self.size)), (0x80, queue), (0x90, queue + Self.available),
                (0xa0, queue + Self.used), (0x44, 1),
            ]
            for (register, value) in registers { write(register, value) }
        }
        write(0x70, 15)
        require(transport.read(offset: 0x70, size: 4) == 15, "a driver that follows the rules gets to DRIVER_OK")
        giveBuffers()
    }

    private func write(_ register: UInt64, _ value: UInt64) {
        transport.write(offset: register, size: 4, value: value)
    }

    private var count: Int { transport.withDevice { $0.connectionCount } }

    func step(_ input: inout InputReader) {
        switch input.uint8() & 15 {
        case 0..<6: sendPacket(&input)
        case 6: sendChain(&input)
        case 7: open(UInt32(input.uint8() & 3))
        case 8, 9: changeStream(&input)
        case 10: expire(&input)
        case 11: connect(isThere: input.uint8() & 1 == 0)
        case 12: start()
        case 13: takePackets(returnsBuffers: false)
        default: takePackets(returnsBuffers: true)
        }
        act()
        check()
    }

    /// What must hold in the end.
    func finish() {
        transport.systemReset()
        act()
        require(streams.isEmpty && count == 0, "a reset closes all connections")
    }

    // MARK: The guest

    private func sendPacket(_ input: inout InputReader) {
        let bits = input.uint8()
        let ports = input.uint8()
        let operation = UInt64(bits & 0x80 == 0 ? bits & 7 : input.uint8())
        let count = UInt64(input.length() & 0x3ff)
        let length = bits & 0x40 == 0 ? count : UInt64(input.uint32())
        let hostPort = UInt64(ports >> 2 & 3) + (ports & 0x80 == 0 ? 1 << 30 : 0)
        let credit = input.uint8()
        let fields: [(UInt64, UInt64)] = [
            (bits & 0x20 == 0 || ports & 0x40 == 0 ? Self.cid : 9, 8), (ports & 0x60 == 0x60 ? 7 : 2, 8),
            (UInt64(ports & 3), 4), (hostPort, 4), (length, 4), (bits & 0x38 == 0x38 ? 2 : 1, 2), (operation, 2),
            (UInt64(bits >> 3 & 3), 4), (UInt64(credit) * 16, 4), (UInt64(credit >> 4), 4),
        ]
        var offset: UInt64 = 0
        for (value, size) in fields {
            memory.store(value, Self.packet + offset, bytes: size)
            offset += size
        }
        transmit(Self.packet, 44 + count)
    }

    /// A chain that is anywhere.
    private func sendChain(_ input: inout InputReader) {
        transmit(input.address(), UInt64(input.length()))
    }

    private func transmit(_ address: UInt64, _ count: UInt64) {
        guard sent &- (memory.loadUInt16(Self.queues[1] + Self.used + 2) ?? 0) < Self.size else { return }
        let entry = UInt64(sent % Self.size)
        memory.store(address, Self.queues[1] + 16 * entry, bytes: 8)
        memory.store(count, Self.queues[1] + 16 * entry + 8, bytes: 8)
        memory.store(entry, Self.queues[1] + Self.available + 4 + 2 * entry, bytes: 2)
        sent &+= 1
        memory.store(UInt64(sent), Self.queues[1] + Self.available + 2, bytes: 2)
        process(1)
    }

    private func giveBuffers() {
        while given &- seen < Self.size {
            let entry = UInt64(given % Self.size)
            memory.store(Self.buffers + entry * Self.bufferSize, Self.queues[0] + 16 * entry, bytes: 8)
            memory.store(Self.bufferSize | 2 << 32, Self.queues[0] + 16 * entry + 8, bytes: 8)
            memory.store(entry, Self.queues[0] + Self.available + 4 + 2 * entry, bytes: 2)
            given &+= 1
        }
        memory.store(UInt64(given), Self.queues[0] + Self.available + 2, bytes: 2)
    }

    private func takePackets(returnsBuffers: Bool) {
        process(0)
        while seen != memory.loadUInt16(Self.queues[0] + Self.used + 2) {
            let element = memory.load(Self.queues[0] + Self.used + 4 + 8 * UInt64(seen % Self.size), bytes: 8) ?? 0
            checkPacket(at: Self.buffers + (element & 0xffff_ffff) * Self.bufferSize, count: element >> 32)
            seen &+= 1
        }
        guard returnsBuffers else { return }
        giveBuffers()
        process(0)
        if transport.withDevice({ $0.isTransmitDue }) { process(1) }
    }

    private func checkPacket(at address: UInt64, count: UInt64) {
        let words = (0..<5).map { memory.load(address + 8 * $0, bytes: 8) ?? 0 }
        let operation = words[3] >> 48
        let length = words[3] & 0xffff_ffff
        require(words[1] == Self.cid || words[1] == 9, "packets are for the guest, or answers: \(words)")
        require((1...7).contains(operation) && operation != 0, "packets have an operation: \(words)")
        require(count == 44 + length && count <= Self.bufferSize, "packets have the bytes that they say: \(words)")
        require((length > 0) == (operation == 5), "packets of bytes have some, and no others: \(words)")
        require(operation != 4 || (1...3).contains(words[4] & 0xffff_ffff), "a shutdown says of what: \(words)")
    }

    private func process(_ queue: Int) {
        guard transport.processQueue(queue) != nil else { return }
        // Whoever has the device closes all connections then, and the driver begins anew.
        transport.withDevice { $0.reset() }
        start()
    }

    // MARK: Programs

    private func open(_ port: UInt32) {
        let stream = FuzzStream(memory: memory.memory)
        stream.room = 64
        if let id = transport.withDevice({ $0.open(port: port, stream) }) { streams.append((id, stream)) }
    }

    private func connect(isThere: Bool) {
        guard !wanted.isEmpty else { return }
        let id = wanted.removeFirst()
        guard isThere else { return transport.withDevice { $0.refuse(id) } }
        let stream = FuzzStream(memory: memory.memory)
        streams.append((id, stream))
        require(transport.withDevice { $0.connected(id, stream) }, "who asked is there")
    }

    private func changeStream(_ input: inout InputReader) {
        guard !streams.isEmpty else { return }
        let (id, stream) = streams[Int(input.uint8()) % streams.count]
        let bits = input.uint8()
        stream.supply += Int(input.length() & 0xfff)
        stream.room += Int(input.uint8())
        stream.isSupplyOver = stream.isSupplyOver || bits & 1 != 0
        stream.refuses = stream.refuses || bits & 2 != 0
        stream.isHungUp = stream.isHungUp || bits & 3 == 3
        stream.isBroken = stream.isBroken || bits & 0xf0 == 0xf0
        let isHungUp = stream.isHungUp
        transport.withDevice { $0.streamIsReady(id, isHungUp: isHungUp) }
        if bits & 4 != 0 { process(0) }
    }

    private func expire(_ input: inout InputReader) {
        guard !streams.isEmpty else { return }
        let id = streams[Int(input.uint8()) % streams.count].id
        transport.withDevice {
            $0.expireRequest(id)
            $0.expireRest(id)
        }
    }

    /// Does what the device asks for, but for connections, which take until the input says so.
    private func act() {
        for action in transport.withDevice({ $0.takeActions() }) {
            switch action {
            case .connect(let id, _): wanted.append(id)
            case .close(let id):
                wanted.removeAll { $0 == id }
                guard let index = streams.firstIndex(where: { $0.id == id }) else { continue }
                streams.remove(at: index).stream.close()
            case .watchRoom(let id, _), .limit(let id):
                require(streams.contains { $0.id == id }, "only streams that are there are watched")
            }
        }
    }

    private func check() {
        // Those that the guest was told of, and has to close, have none.
        require(streams.count + wanted.count <= count, "streams belong to connections")
    }
}
