import TestSupport
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// How much each end may send (virtio specification, 5.10.6.3).
struct VsockCreditTests {
    private let driver: VsockDriver

    init() throws {
        driver = try VsockDriver(bufferCount: 32)
    }

    @Test func aGuestGetsNoMoreThanItHasRoomFor() throws {
        let link = try driver.open(allocation: 1500)
        link.stream.incoming = Array(repeating: 7, count: 4000)
        driver.notice(link)
        let packets = try driver.receive()
        // It is asked once whether it has room by now.
        #expect(packets.map(\.operation) == [.data, .data, .creditRequest])
        #expect(packets.map(\.bytes.count).reduce(0, +) == 1500)
        #expect(try driver.receive().isEmpty)
        try driver.send(link.header(.creditUpdate, allocation: 1500, forwarded: 100))
        #expect(try driver.receive().map(\.bytes.count) == [100, 0])
        try driver.send(link.header(.creditUpdate, allocation: 1 << 16, forwarded: 1600))
        #expect(try driver.receive().map(\.bytes.count).reduce(0, +) == 2400)
    }

    @Test func aGuestThatTakesRoomBackGetsNothing() throws {
        let link = try driver.open(allocation: 500)
        link.stream.incoming = Array(repeating: 7, count: 900)
        driver.notice(link)
        #expect(try driver.receive().map(\.operation) == [.data, .creditRequest])
        for (allocation, forwarded): (UInt32, UInt32) in [(100, 0), (0, 500), (500, 501), (.max, 501), (1, .max)] {
            try driver.send(link.header(.creditUpdate, allocation: allocation, forwarded: forwarded))
            // Nor is it asked again and again.
            #expect(try driver.receive().isEmpty)
        }
        try driver.send(link.header(.creditUpdate, allocation: 400, forwarded: 500))
        #expect(try driver.receive().first?.bytes.count == 400)
    }

    @Test func aGuestHearsThatThereIsRoomAgain() throws {
        let link = try driver.connect()
        let half = Int(link.grant) / 2
        var sent = 0
        while sent < half - 1000 {
            try driver.send(link.header(.data), Array(repeating: 1, count: 1000))
            sent += 1000
            #expect(try driver.receive().isEmpty)
        }
        try driver.send(link.header(.data), Array(repeating: 1, count: 2000))
        let packets = try driver.receive()
        #expect(packets.map(\.operation) == [.creditUpdate])
        #expect(packets[0].header.forwarded == UInt32(sent + 2000) && packets[0].header.allocation == link.grant)
    }

    @Test func aGuestThatAsksIsTold() throws {
        let link = try driver.connect()
        try driver.send(link.header(.data), [1, 2, 3])
        try driver.send(link.header(.creditRequest))
        let packets = try driver.receive()
        #expect(packets.map(\.operation) == [.creditUpdate] && packets[0].header.forwarded == 3)
    }

    @Test func whatAProgramHasNotTakenCounts() throws {
        let link = try driver.connect()
        link.stream.room = 0
        let piece = [UInt8](repeating: 3, count: 0x4000)
        for _ in 0..<Int(link.grant) / piece.count { try driver.send(link.header(.data), piece) }
        #expect(try driver.receive().isEmpty && driver.connectionCount == 1)
        link.stream.room = piece.count
        driver.notice(link)
        try driver.send(link.header(.data), piece)
        #expect(driver.connectionCount == 1)
        // One byte more than it was granted.
        try driver.send(link.header(.data), [1])
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    @Test func grantsAreSmallWhereThereAreMany() throws {
        var sum: UInt64 = 0
        var grants: [UInt32] = []
        for port in 0..<8192 as Range<UInt32> {
            #expect(driver.withDevice { $0.open(port: port, FakeStream()) } != nil)
            grants += try driver.receive().map(\.header.allocation)
        }
        sum = grants.reduce(0) { $0 + UInt64($1) }
        #expect(grants.first == 128 << 10 && grants.last == 16 << 10 && grants == grants.sorted(by: >))
        #expect(sum <= (128 + 128) << 20)
    }

    @Test func countersGoAround() {
        var credit = VsockCredit(grant: 1 << 16)
        var header = VsockDriver.header(.data, from: 1, to: 2, allocation: 1 << 20)
        var guest: UInt32 = 0
        // More than 2^32 bytes each way.
        for _ in 0..<0x1_1000 {
            #expect(credit.receive(1 << 16) && !credit.receive(1))
            credit.forward(1 << 16)
            #expect(credit.owesUpdate)
            credit.announce(in: &header)
            header.allocation = 1 << 20
            header.forwarded = guest
            credit.learn(from: header)
            #expect(credit.available == 1 << 20)
            credit.send(1 << 16)
            guest &+= 1 << 16
        }
    }
}
