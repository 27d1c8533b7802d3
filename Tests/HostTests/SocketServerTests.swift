import class Foundation.FileManager
import struct Foundation.UUID
import Glibc
import SystemPackage
import Testing

@testable import Host

@Suite final class SocketServerTests {
    /// Answers each line by so many bytes.
    private final class Talk: Conversation {
        private let output: OutputStream
        private let answer: [UInt8]
        var hasEnded = false
        private(set) var isIdle = true
        private(set) var lines = 0

        init(_ output: OutputStream, answerSize: Int) {
            self.output = output
            answer = [UInt8](repeating: UInt8(ascii: "a"), count: answerSize)
        }

        func begin() { output.write("hello\n") }

        func receive(_ bytes: [UInt8]) {
            isIdle = false
            for byte in bytes where byte == UInt8(ascii: "\n") {
                lines += 1
                output.write(answer)
            }
        }

        var waitingCount: Int { output.waitingCount }
    }

    private let directory: String
    private let path: FilePath
    private let listener: OwnedFileDescriptor
    private let loop: EventLoop

    init() throws {
        ignoreBrokenPipes()
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("server-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        path = FilePath(directory).appending("socket")
        listener = try UnixSocket.listen(at: path)
        loop = try EventLoop()
    }

    deinit {
        try? FileManager.default.removeItem(atPath: directory)
    }

    private func serve(limit: Int = 4, answerSize: Int = 10, silence: UInt64 = 1_000) throws -> SocketServer {
        try SocketServer(listener: listener.descriptor, loop: loop, limit: limit, silence: silence) {
            Talk($0, answerSize: answerSize)
        }
    }

    private func connect() throws -> OwnedFileDescriptor { try UnixSocket.connect(to: path) }

    private func run(milliseconds: UInt64 = 20) throws {
        loop.schedule(afterMilliseconds: milliseconds) { [loop] in loop.stop() }
        try loop.run()
    }

    /// What a client is sent until it is hung up on, or nothing comes any more.
    private func answers(_ client: borrowing OwnedFileDescriptor) throws -> (count: Int, isHungUp: Bool) {
        var count = 0
        try client.descriptor.makeNonBlocking()
        var quietRounds = 0
        while quietRounds < 3 {
            try run(milliseconds: 2)
            switch try ByteStream.read(client.descriptor, limit: 1 << 20) {
            case .bytes(let bytes):
                count += bytes.count
                quietRounds = 0
            case .wouldBlock: quietRounds += 1
            case .end: return (count, true)
            }
        }
        return (count, false)
    }

    private func talks(_ server: SocketServer) -> [Talk] { server.talks.compactMap { $0 as? Talk } }

    @Test func aClientIsGreetedAndAnswered() throws {
        let server = try serve()
        let client = try connect()
        try client.descriptor.writeAll("one\ntwo\n".utf8)
        #expect(try answers(client) == (6 + 20, false))
        #expect(talks(server).map(\.lines) == [2])
    }

    @Test func aClientThatSendsNoMoreGetsAllAnswers() throws {
        // More than sockets hold.
        let server = try serve(answerSize: 100_000)
        let client = try connect()
        try client.descriptor.writeAll([UInt8](repeating: UInt8(ascii: "\n"), count: 40))
        #expect(shutdown(client.rawValue, CInt(SHUT_WR)) == 0)
        #expect(try answers(client) == (6 + 40 * 100_000, true))
        #expect(server.talks.isEmpty)
    }

    @Test func aClientThatDoesNotReadIsNotGivenMuch() throws {
        let server = try serve(answerSize: 10_000)
        let client = try connect()
        try client.descriptor.writeAll([UInt8](repeating: UInt8(ascii: "\n"), count: 10_000))
        try run()
        let talk = try #require(talks(server).first)
        // What a socket holds, the limit of a stream, and the answers to one piece.
        #expect(talk.waitingCount < 1 << 16 + 32 * 10_000)
        #expect(talk.lines < 100)
        // It gets on as soon as it does.
        #expect(try answers(client) == (6 + 10_000 * 10_000, false))
        #expect(talk.lines == 10_000)
    }

    @Test func aClientThatSaysNothingMakesRoom() throws {
        let server = try serve(limit: 2, silence: 0)
        let speaker = try connect()
        try speaker.descriptor.writeAll("one\n".utf8)
        #expect(try answers(speaker) == (6 + 10, false))
        let silent = try connect()
        #expect(try answers(silent) == (6, false))
        let third = try connect()
        try third.descriptor.writeAll("one\n".utf8)
        #expect(try answers(third) == (6 + 10, false))
        #expect(try answers(silent) == (0, true))
        #expect(try answers(speaker) == (0, false))
        #expect(server.talks.count == 2)
    }

    @Test func butItHasTime() throws {
        let server = try serve(limit: 2, silence: 60_000)
        let clients = [try connect().release(), try connect().release()]
        defer { clients.forEach { try? $0.close() } }
        try run()
        let third = try connect()
        try third.descriptor.writeAll("one\n".utf8)
        #expect(try answers(third) == (0, false))
        #expect(server.talks.count == 2)
    }

    @Test func whoWaitsIsServedWhenTheTimeIsOver() throws {
        let server = try serve(limit: 1, silence: 300)
        let silent = try connect()
        try run()
        let second = try connect()
        try second.descriptor.writeAll("one\n".utf8)
        try run(milliseconds: 700)
        #expect(try answers(second) == (6 + 10, false))
        #expect(try answers(silent) == (6, true))
        #expect(server.talks.count == 1)
    }

    @Test func clientsThatSpeakKeepTheirPlaces() throws {
        let server = try serve(limit: 2, silence: 0)
        let first = try connect()
        try first.descriptor.writeAll("one\n".utf8)
        #expect(try answers(first) == (16, false))
        let second = try connect()
        try second.descriptor.writeAll("one\n".utf8)
        #expect(try answers(second) == (16, false))
        let third = try connect()
        try third.descriptor.writeAll("one\n".utf8)
        #expect(try answers(third) == (0, false))
        #expect(shutdown(first.rawValue, CInt(SHUT_RDWR)) == 0)
        #expect(try answers(third) == (16, false))
        #expect(server.talks.count == 2)
    }

    @Test func conversationsThatEndAreClosed() throws {
        let server = try serve()
        let client = try connect()
        #expect(try answers(client) == (6, false))
        talks(server).forEach { $0.hasEnded = true }
        server.closeEnded()
        #expect(try answers(client) == (0, true))
    }
}
