import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// How connections begin and end (virtio specification, 5.10.6).
struct VsockConnectionTests {
    private let driver: VsockDriver

    init() throws {
        driver = try VsockDriver()
    }

    @Test func itIsASocketDevice() {
        #expect(driver.fixture.read(.deviceID) == 19)
        #expect(driver.fixture.transport.read(offset: 0x100, size: 8) == 3)
        #expect(driver.fixture.transport.read(offset: 0x104, size: 4) == 0)
        #expect(driver.fixture.offeredFeatures & 0xFF_FFFF == 1)
    }

    @Test func aGuestReachesAProgram() throws {
        let link = try driver.connect()
        try driver.send(link.header(.data), Array("hello".utf8), cut: 46)
        #expect(link.stream.outgoing == Array("hello".utf8))
        link.stream.incoming = Array("world".utf8)
        driver.notice(link)
        let packets = try driver.receive()
        #expect(packets.map(\.operation) == [.data])
        #expect(packets[0].bytes == Array("world".utf8))
        #expect(packets[0].header.sourceCID == 2 && packets[0].header.destinationCID == 3)
        #expect(packets[0].header.sourcePort == 5 && packets[0].header.destinationPort == 1000)
        #expect(packets[0].header.allocation == link.grant && packets[0].header.forwarded == 5)
    }

    /// A program that sends much is asked for it in ever larger portions, which are packets as large as the buffers.
    @Test func manyBytesTakeFewCalls() throws {
        let link = try driver.connect()
        let bytes = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        link.stream.incoming = bytes
        driver.notice(link)
        let packets = try driver.receive()
        #expect(packets.flatMap(\.bytes) == bytes)
        #expect(packets.count == 41 && packets.allSatisfy { $0.operation == .data })
        // 1, 2, 4, 8, and 15 until the end: the first buffers come back at once.
        #expect(link.stream.receptions <= 7)
        // Buffers that it turned out not to need are there for the next one.
        for _ in 0..<3 {
            link.stream.incoming = [1, 2, 3]
            driver.notice(link)
            #expect(try driver.receive(returnsBuffers: false).map(\.bytes) == [[1, 2, 3]])
        }
    }

    /// Packets of a connection that stand behind each other are sent by one call; what comes between them, and what breaks
    /// a rule, has its own.
    @Test func manyPacketsTakeFewCalls() throws {
        let (first, second) = (try driver.connect(from: 1), try driver.connect(from: 2))
        func data(_ link: VsockDriver.Link, _ bytes: Range<UInt8>) -> (VsockHeader, [UInt8]) {
            (link.header(.data), Array(bytes))
        }
        try driver.sendTogether([data(first, 0..<10), data(first, 10..<10), data(first, 10..<100), data(second, 5..<9)])
        #expect(first.stream.outgoing == Array(0..<100) && first.stream.transmissions == 1)
        #expect(second.stream.outgoing == Array(5..<9))
        // Linux says between any two how much it has read, where its program reads all that there is.
        let update = (second.header(.creditUpdate, allocation: 5), [UInt8]())
        try driver.sendTogether([data(second, 0..<2), update, data(second, 2..<4), update])
        #expect(second.stream.outgoing == Array(5..<9) + Array(0..<4) && second.stream.transmissions == 2)
        second.stream.incoming = Array(0..<9)
        driver.notice(second)
        #expect(try driver.receive().filter { $0.operation == .data }.map(\.bytes) == [Array(0..<5)])
        // A program that takes a part gets the rest when it has room.
        first.stream.room = 15
        try driver.sendTogether([data(first, 0..<10), data(first, 10..<30), data(first, 30..<40)])
        #expect(first.stream.outgoing.count == 115)
        first.stream.room = .max
        driver.notice(first)
        #expect(first.stream.outgoing.dropFirst(100) == ArraySlice(Array(0..<40)))
        // The end of what is sent, and bytes behind it, which may not be.
        try driver.sendTogether([
            data(second, 0..<3), (second.header(.shutdown, flags: .sending), []), data(second, 3..<6),
            data(first, 0..<1),
        ])
        #expect(second.stream.data.suffix(3) == Array(0..<3) && second.stream.isSendingOver)
        #expect(try driver.receive().map(\.operation).contains(.reset))
        #expect(first.stream.outgoing.last == 0 && driver.connectionCount == 1)
    }

    /// Packets that are taken together may have no more bytes than one by one.
    @Test func grantsHoldForPacketsTogether() throws {
        let link = try driver.connect()
        link.stream.room = 0
        var left = Int(link.grant) - 5
        while left > 0 {
            let count = min(left, 16_000)
            try driver.send(link.header(.data), [UInt8](repeating: 1, count: count))
            left -= count
        }
        #expect(driver.connectionCount == 1)
        try driver.sendTogether([(link.header(.data), [1, 2, 3]), (link.header(.data), [4, 5, 6])])
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    /// A guest that has room for less gets no more, however many buffers it gives.
    @Test func roomOfTheGuestIsSharedByManyBuffers() throws {
        let link = try driver.connect(allocation: 5000)
        link.stream.incoming = [UInt8](repeating: 7, count: 9000)
        driver.notice(link)
        #expect(try driver.receive().map(\.header.length).reduce(0, +) == 5000)
        try driver.send(link.header(.creditUpdate, allocation: 5000, forwarded: 5000))
        #expect(try driver.receive().map(\.header.length).reduce(0, +) == 4000)
    }

    @Test func aGuestIsRefusedWhereNobodyListens() throws {
        try driver.send(VsockDriver.header(.request, from: 1, to: 2))
        guard case .connect(let id, 2)? = driver.takeActions().first else {
            Issue.record("nothing to connect to")
            return
        }
        driver.withDevice { $0.refuse(id) }
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    @Test func aProgramReachesTheGuest() throws {
        let first = try driver.open()
        let second = try driver.open()
        #expect(first.hostPort != second.hostPort)
        // What it sent behind its first line comes as well.
        first.stream.incoming = [1, 2, 3]
        driver.notice(first)
        #expect(try driver.receive().map(\.bytes) == [[1, 2, 3]])
        try driver.send(second.header(.data), [4])
        #expect(second.stream.data == [4] && first.stream.data.isEmpty)
    }

    @Test func aProgramIsRefusedByTheGuest() throws {
        let stream = FakeStream()
        let id = try #require(driver.withDevice { $0.open(port: 7, stream) })
        let request = try #require(try driver.receive().first)
        try driver.send(VsockDriver.header(.reset, from: 7, to: request.header.sourcePort))
        #expect(driver.takeActions() == [.close(id)])
        #expect(stream.outgoing.isEmpty && driver.connectionCount == 0)
    }

    @Test func nothingIsSentBeforeTheGuestAgrees() throws {
        let stream = FakeStream()
        stream.incoming = [1]
        let id = try #require(driver.withDevice { $0.open(port: 7, stream) })
        driver.withDevice { $0.streamIsReady(id, isHungUp: false) }
        #expect(try driver.receive().map(\.operation) == [.request])
        driver.withDevice { $0.streamIsReady(id, isHungUp: false) }
        #expect(try driver.receive().isEmpty)
        // A guest that takes too long is not waited for.
        driver.withDevice { $0.expireRequest(id) }
        #expect(driver.takeActions() == [.close(id)])
        #expect(try driver.receive().map(\.operation) == [.reset])
    }

    @Test func aProgramThatSendsNoMoreStillReceives() throws {
        let link = try driver.open()
        link.stream.incoming = [1]
        link.stream.isIncomingOver = true
        driver.notice(link)
        let packets = try driver.receive()
        #expect(packets.map(\.operation) == [.data, .shutdown])
        #expect(packets[1].flags == .sending)
        try driver.send(link.header(.data), [2, 3])
        #expect(link.stream.data == [2, 3])
        try driver.send(link.header(.shutdown, flags: .both))
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.takeActions() == [.close(link.id)] && driver.connectionCount == 0)
    }

    @Test func aGuestThatSendsNoMoreStillReceives() throws {
        let link = try driver.open()
        try driver.send(link.header(.data), [1])
        try driver.send(link.header(.shutdown, flags: .sending))
        #expect(link.stream.isSendingOver && !link.stream.isReceivingOver && link.stream.data == [1])
        link.stream.incoming = [2]
        driver.notice(link)
        #expect(try driver.receive().map(\.bytes) == [[2]])
        // When the program has nothing left either, both know.
        link.stream.isIncomingOver = true
        driver.notice(link)
        let end = try #require(try driver.receive().last)
        #expect(end.operation == .shutdown && end.flags == .both)
        #expect(driver.takeActions() == [.close(link.id)] && driver.connectionCount == 1)
        try driver.send(link.header(.reset))
        #expect(driver.connectionCount == 0)
    }

    @Test func theEndWaitsForBytesBeforeIt() throws {
        let link = try driver.open()
        link.stream.room = 2
        try driver.send(link.header(.data), [1, 2, 3, 4])
        try driver.send(link.header(.shutdown, flags: .sending))
        #expect(link.stream.data == [1, 2] && !link.stream.isSendingOver)
        link.stream.room = 2
        driver.notice(link)
        #expect(link.stream.data == [1, 2, 3, 4] && link.stream.isSendingOver)
        #expect(driver.takeActions() == [.watchRoom(link.id, true), .watchRoom(link.id, false)])
    }

    @Test func whatAGuestSentBeforeItClosedReachesASlowProgram() throws {
        let link = try driver.connect()
        link.stream.room = 1
        try driver.send(link.header(.data), [1, 2, 3])
        try driver.send(link.header(.shutdown, flags: .both))
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.takeActions() == [.watchRoom(link.id, true), .limit(link.id)])
        // The guest may use its port again meanwhile.
        let other = try driver.connect()
        try driver.send(other.header(.data), [9])
        link.stream.room = 5
        driver.notice(link)
        #expect(link.stream.outgoing == [1, 2, 3] && other.stream.outgoing == [9])
        #expect(driver.takeActions() == [.close(link.id)] && driver.connectionCount == 1)
    }

    @Test func aProgramThatTakesNoneOfTheRestIsLeft() throws {
        let link = try driver.connect()
        link.stream.room = 0
        try driver.send(link.header(.data), [1, 2, 3])
        try driver.send(link.header(.shutdown, flags: .both))
        _ = driver.takeActions()
        for taken in 1...2 {
            link.stream.room = 1
            driver.notice(link)
            driver.withDevice { $0.expireRequest(link.id) }
            driver.withDevice { $0.expireRest(link.id) }
            #expect(driver.takeActions() == [.limit(link.id)], "it gets on")
            #expect(link.stream.data.count == taken)
        }
        driver.withDevice { $0.expireRequest(link.id) }
        #expect(driver.takeActions().isEmpty, "the guest has answered")
        driver.withDevice { $0.expireRest(link.id) }
        #expect(driver.takeActions() == [.close(link.id)])
        #expect(driver.connectionCount == 0)
    }

    @Test func aGuestThatReceivesNoMoreGetsNothing() throws {
        let link = try driver.open()
        try driver.send(link.header(.shutdown, flags: .receiving))
        #expect(link.stream.isReceivingOver && !link.stream.isSendingOver)
        link.stream.incoming = [1]
        driver.notice(link)
        #expect(try driver.receive().isEmpty)
        try driver.send(link.header(.data), [2])
        #expect(link.stream.data == [2])
    }

    @Test func aProgramThatIsGoneTakesItsConnectionAlong() throws {
        let link = try driver.open()
        link.stream.incoming = [1]
        link.stream.hangUp()
        driver.notice(link)
        let packets = try driver.receive()
        #expect(packets.map(\.operation) == [.data, .shutdown] && packets[1].flags == .both)
        #expect(driver.takeActions() == [.close(link.id)])
        // The guest did not know yet.
        try driver.send(link.header(.data), [2])
        try driver.send(link.header(.creditRequest))
        #expect(try driver.receive().isEmpty)
        try driver.send(link.header(.shutdown, flags: .both))
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    @Test func aProgramThatReceivesNoMoreStillSends() throws {
        let link = try driver.open()
        link.stream.isOutgoingRefused = true
        try driver.send(link.header(.data), [1])
        let packet = try #require(try driver.receive().last)
        #expect(packet.operation == .shutdown && packet.flags == .receiving)
        link.stream.incoming = [2]
        driver.notice(link)
        #expect(try driver.receive().map(\.bytes) == [[2]])
    }

    @Test func aBrokenStreamIsReset() throws {
        let link = try driver.open()
        link.stream.isBroken = true
        driver.notice(link)
        #expect(try driver.receive().map(\.operation) == [.reset])
        let other = try driver.open()
        other.stream.isBroken = true
        try driver.send(other.header(.data), [1])
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    @Test func aGuestsResetClosesAtOnce() throws {
        let link = try driver.open()
        try driver.send(link.header(.reset))
        #expect(driver.takeActions() == [.close(link.id)])
        #expect(try driver.receive().isEmpty)
    }

    @Test func aDriversResetClosesAll() throws {
        let links = try (0..<5).map { try driver.connect(from: $0) }
        driver.fixture.write(.status, 0)
        #expect(Set(driver.takeActions()) == Set(links.map { VsockAction.close($0.id) }))
        #expect(driver.connectionCount == 0)
        // Whoever is late is not heard.
        driver.notice(links[0])
        #expect(driver.withDevice { !$0.connected(links[1].id, FakeStream()) })
        #expect(driver.connectionCount == 0 && driver.withDevice { !$0.hasPackets })
    }

    @Test func thereAreNotTooMany() throws {
        let streams = (0..<8192).map { _ in FakeStream() }
        for stream in streams {
            #expect(driver.withDevice { $0.open(port: 1, stream) } != nil)
        }
        #expect(driver.withDevice { $0.open(port: 1, FakeStream()) } == nil)
        try driver.send(VsockDriver.header(.request, from: 1, to: 2))
        #expect(try driver.receive().first?.operation == .reset)
        driver.fixture.write(.status, 0)
        #expect(driver.withDevice { $0.open(port: 1, FakeStream()) } != nil)
    }
}
