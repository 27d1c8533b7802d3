import GuestMemory
import Testing

@testable import Devices
@testable import Virtio
@testable import VirtioTestSupport

/// Guests that break rules, and guests that take their time.
struct VsockRuleTests {
    private let driver: VsockDriver

    init() throws {
        driver = try VsockDriver()
    }

    @Test func packetsOfOthersAreIgnored() throws {
        var header = VsockDriver.header(.request, from: 1, to: 2)
        header.sourceCID = 4
        try driver.send(header)
        header.sourceCID = 3 | 1 << 32
        try driver.send(header)
        #expect(try driver.receive().isEmpty && driver.takeActions().isEmpty)
    }

    @Test func packetsToOthersAreRejected() throws {
        for cid: UInt64 in [0, 1, 3, 4, 2 | 1 << 32] {
            var header = VsockDriver.header(.request, from: 1, to: 2)
            header.destinationCID = cid
            try driver.send(header)
            let answer = try #require(try driver.receive().first)
            #expect(answer.operation == .reset && answer.header.sourceCID == cid)
        }
    }

    @Test func unknownTypesAreRejected() throws {
        for type: UInt16 in [0, 2, 99] {
            var header = VsockDriver.header(.data, from: 1, to: 2)
            header.type = type
            try driver.send(header)
            let answer = try #require(try driver.receive().first)
            #expect(answer.operation == .reset && answer.header.type == type)
            header.operation = VsockOperation.reset.rawValue
            try driver.send(header)
            #expect(try driver.receive().isEmpty)
        }
    }

    @Test func packetsWithoutAConnectionAreRejected() throws {
        for operation: VsockOperation in [.response, .shutdown, .data, .creditUpdate, .creditRequest] {
            try driver.send(VsockDriver.header(operation, from: 1, to: 2))
            let answer = try #require(try driver.receive().first)
            #expect(answer.operation == .reset)
            #expect(answer.header.sourcePort == 2 && answer.header.destinationPort == 1)
        }
        try driver.send(VsockDriver.header(.reset, from: 1, to: 2))
        #expect(try driver.receive().isEmpty)
    }

    @Test(arguments: [0, 1, 2, 8, 0xFFFF] as [UInt16])
    func whatMakesNoSenseEndsAConnection(operation: UInt16) throws {
        let link = try driver.open()
        var header = link.header(.data)
        header.operation = operation
        try driver.send(header)
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.takeActions() == [.close(link.id)] && driver.connectionCount == 0)
    }

    @Test func lengthsThatAreNotThereEndAConnection() throws {
        let link = try driver.open()
        #expect(try driver.send(link.header(.data), [1, 2], length: 3) == nil)
        #expect(try driver.receive().map(\.operation) == [.reset])
        let other = try driver.open()
        #expect(try driver.send(other.header(.data), [], length: .max) == nil)
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(link.stream.data.isEmpty && driver.connectionCount == 0)
        // More than the packet says is none of its bytes.
        let third = try driver.open()
        try driver.send(third.header(.data), [1, 2, 3], length: 2)
        #expect(third.stream.data == [1, 2])
    }

    @Test func bytesBehindTheEndEndAConnection() throws {
        let link = try driver.open()
        try driver.send(link.header(.shutdown, flags: .sending))
        try driver.send(link.header(.data), [1])
        #expect(try driver.receive().map(\.operation) == [.reset])
    }

    @Test func bytesBeforeTheAnswerEndAConnection() throws {
        try driver.send(VsockDriver.header(.request, from: 1, to: 2))
        try driver.send(VsockDriver.header(.data, from: 1, to: 2), [1])
        #expect(try driver.receive().map(\.operation) == [.reset])
        #expect(driver.connectionCount == 0)
    }

    @Test func shortHeadersNeedAReset() throws {
        let failure = try driver.transmit([.readable(VsockDriver.packets, 43)])
        #expect(failure == .buffersTooShort(needed: 44, available: 43))
    }

    @Test func shortBuffersNeedAReset() throws {
        let small = try VsockDriver(bufferCount: 4, bufferSize: 43)
        try small.send(VsockDriver.header(.data, from: 1, to: 2))
        #expect(small.fixture.transport.processQueue(0) == .buffersTooShort(needed: 44, available: 43))
        // Large enough for all packets but those with bytes.
        let bare = try VsockDriver(bufferCount: 4, bufferSize: 44)
        let link = try bare.open()
        link.stream.incoming = [1]
        bare.notice(link)
        #expect(bare.fixture.transport.processQueue(0) == .buffersTooShort(needed: 45, available: 44))
    }

    @Test func memoryThatIsNotThereNeedsAReset() throws {
        let failure = try driver.transmit([.readable(TestMemory.end - 22, 44)])
        #expect(failure == .memory(.unmapped(GuestAddress(TestMemory.end - 22), count: 44)))
    }

    /// A guest that takes no packets does not make the device keep answers for it.
    @Test func answersAreFew() throws {
        let small = try VsockDriver(bufferCount: 1)
        _ = try small.receive()
        for _ in 0..<120 where small.heldCount < 64 {
            try small.send(VsockDriver.header(.data, from: 1, to: 2))
        }
        #expect(small.heldCount == 64 && small.withDevice { !$0.isTransmitDue })
        // It goes on when they are taken.
        #expect(try small.receive().count == 64)
        #expect(small.withDevice { $0.isTransmitDue })
        try small.continueTransmitting()
        #expect(small.heldCount == 0)
        #expect(try small.receive().count == 32)
    }

    @Test func connectionsTakeTurns() throws {
        let links = try (0..<3).map { try driver.connect(from: $0) }
        for link in links {
            link.stream.incoming = Array(repeating: 1, count: 3000)
            driver.notice(link)
        }
        let ports = try driver.receive().map(\.header.destinationPort)
        // A buffer each, then two each, then what is left.
        #expect(ports == [0, 1, 2, 0, 0, 1, 1, 2, 2, 0, 1, 2])
    }

    @Test(arguments: [
        ("CONNECT 5000\n", VsockRequest.port(5000, length: 13)),
        ("CONNECT 4294967295\nhello", .port(.max, length: 19)),
        ("CONNECT 0\n", .port(0, length: 10)),
        ("CONNECT 500", .incomplete), ("CONN", .incomplete), ("", .incomplete), ("CONNECT ", .incomplete),
        ("CONNECT 4294967296\n", .invalid), ("CONNECT \n", .invalid), ("CONNECT -1\n", .invalid),
        ("CONNECT 1\r\n", .port(1, length: 11)), ("connect 1\n", .port(1, length: 10)),
        ("Connect \t 01 \n", .port(1, length: 14)), ("GET / HTTP/1.1\r\n", .invalid), ("\n", .invalid),
        ("CONNECT 0000000000000000000000001\n", .invalid), ("CONNECT 1 2\n", .invalid), ("CONNECT1\n", .invalid),
        ("CONNECT ٣\n", .invalid), ("CONNECTS 1\n", .invalid), (" CONNECT 1\n", .invalid), ("CON 1\n", .invalid),
        (String(repeating: "CONNECT ", count: 4), .invalid),
    ])
    func firstLines(line: String, expected: VsockRequest) {
        #expect(VsockRequest(Array(line.utf8)) == expected)
    }
}
