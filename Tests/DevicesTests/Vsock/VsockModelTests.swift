import TestSupport
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// Connections whose ends send, take and close as chance will have it: what one end sends reaches the other, in order
/// and whole, and nobody is given more than there is room for.
struct VsockModelTests {
    /// A connection, as the guest knows it.
    private struct GuestEnd {
        let link: VsockDriver.Link
        let allocation: UInt32
        /// What the guest may still send, by what the device last said.
        var grant: UInt32
        var deviceForwarded: UInt32 = 0
        var sent: [UInt8] = []
        var received: [UInt8] = []
        /// Of what it received, bytes that were read.
        var read: UInt32 = 0
        var isSendingOver = false
        /// What the device said.
        var told: VsockShutdown = []

        var credit: Int { Int(grant) - (sent.count - Int(deviceForwarded)) }

        func header(_ operation: VsockOperation, flags: VsockShutdown = []) -> VsockHeader {
            link.header(operation, flags: flags, allocation: allocation, forwarded: read)
        }
    }

    private final class Model {
        let driver: VsockDriver
        var ends: [GuestEnd] = []
        /// What programs have sent.
        var programs: [[UInt8]] = []
        var random: SeededGenerator

        init(seed: UInt64) throws {
            random = SeededGenerator(seed: seed)
            driver = try VsockDriver(
                bufferCount: 4 + Int.random(in: 0..<20, using: &random),
                bufferSize: 100 + UInt32.random(in: 0..<4000, using: &random),
                features: VirtioFeature.version1 | (seed & 1 == 0 ? VirtioFeature.eventIndex : 0))
        }

        func begin() throws {
            let allocation = UInt32.random(in: 100..<20_000, using: &random)
            let link =
                Bool.random(using: &random)
                ? try driver.connect(from: UInt32(ends.count), allocation: allocation)
                : try driver.open(port: UInt32(ends.count), allocation: allocation)
            link.stream.room = 0
            link.stream.most = 1 + Int.random(in: 0..<5000, using: &random)
            ends.append(GuestEnd(link: link, allocation: allocation, grant: link.grant))
            programs.append([])
        }

        func bytes(_ limit: Int) -> [UInt8] {
            (0..<Int.random(in: 0...limit, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }

        func step() throws {
            let index = Int.random(in: 0..<ends.count, using: &random)
            let stream = ends[index].link.stream
            switch Int.random(in: 0..<9, using: &random) {
            case 0: try send(index)
            case 1: try sendTogether(index)
            case 2, 3: sendByProgram(index)
            case 4, 5:
                stream.room = min(stream.room + Int.random(in: 0..<9000, using: &random), 50_000)
                driver.notice(ends[index].link)
            case 6: try take(returnsBuffers: Bool.random(using: &random))
            case 7: try read(index)
            case _ where random.chance(40): try end(index)
            default: try driver.send(ends[index].header(.creditRequest))
            }
        }

        private func sendByProgram(_ index: Int) {
            let stream = ends[index].link.stream
            guard !stream.isIncomingOver else { return }
            let bytes = bytes(3000)
            programs[index] += bytes
            stream.incoming += bytes
            driver.notice(ends[index].link)
        }

        private func send(_ index: Int) throws {
            guard !ends[index].isSendingOver else { return }
            let bytes = Array(bytes(0x4000).prefix(max(0, ends[index].credit)))
            ends[index].sent += bytes
            try driver.send(ends[index].header(.data), bytes, cut: 44 + bytes.count / 3)
        }

        /// Packets that the device finds at once, of this connection and others.
        private func sendTogether(_ first: Int) throws {
            var packets: [(VsockHeader, [UInt8])] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = random.chance(3) ? Int.random(in: 0..<ends.count, using: &random) : first
                guard !ends[index].isSendingOver else { continue }
                let bytes = Array(bytes(900).prefix(max(0, ends[index].credit)))
                ends[index].sent += bytes
                packets.append((ends[index].header(.data), bytes))
            }
            try driver.sendTogether(packets)
        }

        /// The guest takes packets.
        func take(returnsBuffers: Bool = true) throws {
            for packet in try driver.receive(returnsBuffers: returnsBuffers) {
                let port = packet.header.destinationPort
                let index = try #require(ends.firstIndex { $0.link.port == port })
                #expect(packet.header.sourcePort == ends[index].link.hostPort)
                ends[index].grant = packet.header.allocation
                ends[index].deviceForwarded = packet.header.forwarded
                #expect(ends[index].sent.count - Int(packet.header.forwarded) >= 0)
                switch packet.operation {
                case .data:
                    #expect(!ends[index].told.contains(.sending) && !packet.bytes.isEmpty)
                    ends[index].received += packet.bytes
                    #expect(ends[index].received.count - Int(ends[index].read) <= ends[index].allocation)
                case .shutdown: ends[index].told.formUnion(packet.flags)
                case .creditUpdate, .creditRequest: break
                default: Issue.record("\(packet)")
                }
            }
            if !returnsBuffers { try driver.giveBuffers(Int.random(in: 0..<5, using: &random)) }
        }

        private func read(_ index: Int) throws {
            ends[index].read += UInt32.random(
                in: 0...UInt32(ends[index].received.count) - ends[index].read, using: &random)
            try driver.send(ends[index].header(.creditUpdate))
        }

        private func end(_ index: Int) throws {
            if Bool.random(using: &random) {
                ends[index].isSendingOver = true
                try driver.send(ends[index].header(.shutdown, flags: .sending))
            } else {
                ends[index].link.stream.isIncomingOver = true
                driver.notice(ends[index].link)
            }
        }

        /// Compares without a message of all the bytes.
        private func isSame(_ some: [UInt8], _ other: [UInt8]) -> Bool { some == other }

        /// Everybody takes what there is.
        func finish() throws {
            for _ in 0..<1000 {
                var isDone = true
                try driver.giveBuffers()
                try take()
                for index in ends.indices {
                    ends[index].link.stream.room = 100_000
                    driver.notice(ends[index].link)
                    ends[index].read = UInt32(ends[index].received.count)
                    try driver.send(ends[index].header(.creditUpdate))
                    isDone =
                        isDone && ends[index].received == programs[index]
                        && Array(ends[index].link.stream.data) == ends[index].sent
                }
                if isDone { break }
            }
            try take()
            for index in ends.indices {
                #expect(isSame(ends[index].received, programs[index]))
                #expect(isSame(Array(ends[index].link.stream.data), ends[index].sent))
                #expect(ends[index].link.stream.isSendingOver == ends[index].isSendingOver)
                let isOver = ends[index].link.stream.isIncomingOver
                #expect(ends[index].told == (isOver ? ends[index].isSendingOver ? .both : .sending : []))
            }
            #expect(driver.connectionCount == ends.count)
        }
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func bytesArriveInOrderAndWhole(seed: UInt64) throws {
        let model = try Model(seed: seed)
        for _ in 0..<1 + Int(seed % 12) { try model.begin() }
        for _ in 0..<400 { try model.step() }
        try model.finish()
    }

    /// Whatever a driver sends, and whatever becomes of programs meanwhile, no stream is kept, and none is used when it
    /// is closed.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func hostileGuestsLeaveNothingBehind(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed + 1000)
        let driver = try VsockDriver(bufferCount: 3, bufferSize: 100)
        var streams: [VsockID: FakeStream] = [:]
        func act() {
            for action in driver.takeActions() {
                switch action {
                case .connect(let id, let port):
                    let stream = FakeStream()
                    if port % 3 == 0 {
                        driver.withDevice { $0.refuse(id) }
                    } else if driver.withDevice({ $0.connected(id, stream) }) {
                        streams[id] = stream
                    }
                case .close(let id): streams[id] = nil
                case .watchRoom(let id, _), .limit(let id): #expect(streams[id] != nil)
                }
            }
        }
        for _ in 0..<2000 {
            switch Int.random(in: 0..<12, using: &random) {
            case 0:
                let stream = FakeStream()
                if let id = driver.withDevice({ $0.open(port: 1, stream) }) { streams[id] = stream }
            case 1, 2:
                guard let (id, stream) = streams.randomElement(using: &random) else { continue }
                stream.room = Int.random(in: 0..<100, using: &random)
                stream.incoming += [1, 2, 3]
                if random.chance(4) { stream.hangUp() }
                if random.chance(8) { stream.isBroken = true }
                let isHungUp = stream.isHungUp
                driver.withDevice { $0.streamIsReady(id, isHungUp: isHungUp) }
            case 3: _ = try driver.receive(returnsBuffers: false)
            case 4: try driver.giveBuffers(1)
            case 5:
                guard let id = streams.keys.randomElement(using: &random) else { continue }
                if random.chance(3) { driver.withDevice { $0.expireRest(id) } }
                if random.chance(3) { driver.withDevice { $0.expireRequest(id) } }
            default:
                guard driver.heldCount < 60 else {
                    try driver.giveBuffers()
                    _ = try driver.receive()
                    try driver.continueTransmitting()
                    continue
                }
                let ports: [UInt32] = [0, 1, 2, 1 << 30, (1 << 30) + 1, (1 << 30) + 2]
                var header = VsockDriver.header(
                    .data, from: ports.randomElement(using: &random) ?? 0, to: ports.randomElement(using: &random) ?? 0,
                    flags: VsockShutdown(rawValue: UInt32.random(in: 0..<5, using: &random)),
                    allocation: UInt32.random(in: 0...100, using: &random),
                    forwarded: UInt32.random(in: 0...100, using: &random))
                header.operation = UInt16.random(in: 0...8, using: &random)
                let bytes = [UInt8](repeating: 1, count: Int.random(in: 0..<100, using: &random))
                let length = random.chance(20) ? UInt32.random(in: 0 ... .max, using: &random) : UInt32(bytes.count)
                #expect(try driver.send(header, bytes, length: length) == nil)
            }
            act()
        }
        driver.fixture.write(.status, 0)
        act()
        #expect(streams.isEmpty && driver.connectionCount == 0)
    }
}
