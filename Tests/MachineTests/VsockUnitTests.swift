import Configuration
import Foundation
import GuestMemory
import Host
import SystemPackage
import Testing

@testable import Machine
@testable import Virtio
@testable import VirtioTestSupport

/// The socket device with its Unix sockets, driven by its registers, without a virtual machine.
struct VsockUnitTests {
    /// A unit, its loop and a driver that has as much as the tests need.
    private final class Fixture {
        let directory: String
        let path: String
        let loop: EventLoop
        let unit: VsockUnit
        let memory: GuestMemory
        let warnings = Warnings()
        private let receiver: FakeDriver
        private let transmitter: FakeDriver

        final class Warnings: @unchecked Sendable {
            // All of it happens on the test's thread.
            var texts: [String] = []
        }

        static let packets = TestMemory.start + 0xA_0000
        static let buffers = TestMemory.start + 0x4_0000

        init(starts: Bool = true) throws {
            directory = FileManager.default.temporaryDirectory.appendingPathComponent("vsock-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
            path = directory + "/v"
            loop = try EventLoop()
            memory = try TestMemory.make()
            let window = try MachineConfiguration().validated().virtioWindows[0]
            unit = try VsockUnit(
                Vsock(cid: 3, path: path), window: window, memory: memory, loop: loop,
                events: { [warnings] in if case .warning(let text) = $0 { warnings.texts.append(text) } })
            receiver = FakeDriver(memory: memory, setup: Self.setup(0))
            transmitter = FakeDriver(memory: memory, setup: Self.setup(1))
            if starts { try start() }
        }

        deinit {
            try? FileManager.default.removeItem(atPath: directory)
        }

        private static func setup(_ index: UInt64) -> QueueSetup {
            let start = TestMemory.start + index * 0x4000
            return QueueSetup(
                size: 64, descriptorTable: start, availableRing: start + 0x1000, usedRing: start + 0x2000)
        }

        private func write(_ register: MMIORegister, _ value: UInt64) {
            unit.place.registers.write(offset: register.rawValue, size: 4, value: value)
        }

        func start() throws {
            for value: UInt64 in [0, 1, 3] { write(.status, value) }
            write(.driverFeaturesSelect, 1)
            write(.driverFeatures, 1)
            write(.status, 11)
            for (index, driver) in [receiver, transmitter].enumerated() {
                _ = try driver.makeQueue()
                write(.queueSelect, UInt64(index))
                write(.queueSize, UInt64(driver.setup.size))
                write(.queueDescriptorsLow, driver.setup.descriptorTable)
                write(.queueDriverLow, driver.setup.availableRing)
                write(.queueDeviceLow, driver.setup.usedRing)
                write(.queueReady, 1)
            }
            write(.status, 15)
            for number in 0..<8 as Range<UInt64> { try receiver.add([.writable(Self.buffers + number * 1024, 1024)]) }
            try receiver.publish()
        }

        func reset() { write(.status, 0) }

        /// Serves the loop until something is so.
        func run(_ what: String, within seconds: Double = 20, until condition: () throws -> Bool) throws {
            let end = Date(timeIntervalSinceNow: seconds)
            while try !condition() {
                guard Date() < end else { throw Failure(text: "not within \(seconds) s: \(what)") }
                loop.schedule(afterMilliseconds: 2) { [loop] in loop.stop() }
                try loop.run()
            }
        }

        /// Serves the loop for a while.
        func pass(milliseconds: UInt64) {
            loop.schedule(afterMilliseconds: milliseconds) { [loop] in loop.stop() }
            try? loop.run()
        }

        struct Failure: Error {
            let text: String
        }

        /// A packet as its operation, its ports and its bytes.
        struct Packet {
            let operation: UInt16
            let port: UInt32
            let hostPort: UInt32
            let bytes: [UInt8]
        }

        /// Waits for the next packet of the device.
        func receive() throws -> Packet {
            try run("packet") {
                if used.isEmpty, try receiver.usedIndex != receiver.seen { used = try receiver.takeUsed() }
                return !used.isEmpty
            }
            // Buffers are given and used in the same order.
            let address = Self.buffers + UInt64(taken % 8) * 1024
            taken += 1
            let bytes = try memory.read(Int(used.removeFirst().written), at: GuestAddress(address))
            try receiver.add([.writable(address, 1024)])
            try receiver.publish()
            unit.place.queues.notify(queue: 0)
            func word(_ offset: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) } }
            return Packet(
                operation: UInt16(word(28) >> 16), port: word(20), hostPort: word(16), bytes: Array(bytes[44...]))
        }

        private var taken = 0
        /// Packets that came and are yet to be received.
        private var used: [FakeDriver.Used] = []

        /// Sends a packet.
        func send(_ operation: UInt16, from port: UInt32, to hostPort: UInt32, _ bytes: [UInt8] = [], flags: UInt32 = 0)
            throws
        {
            let words: [UInt32] = [
                3, 0, 2, 0, port, hostPort, UInt32(bytes.count), 1 | UInt32(operation) << 16, flags, 1 << 16, 0,
            ]
            let packet = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } } + bytes
            try memory.write(packet, at: GuestAddress(Self.packets))
            try transmit([.readable(Self.packets, UInt32(packet.count))])
        }

        func transmit(_ pieces: [FakeDriver.Piece]) throws {
            try transmitter.add(pieces)
            try transmitter.publish()
            unit.place.queues.notify(queue: 1)
        }

        /// What a program gets, up to some bytes or the end.
        func text(from program: borrowing OwnedFileDescriptor, count: Int = .max) throws -> String? {
            var bytes: [UInt8] = []
            var isOver = false
            let descriptor = program.descriptor
            try run("bytes for the program") {
                switch try ByteStream.read(descriptor) {
                case .bytes(let more): bytes += more
                case .wouldBlock: break
                case .end: isOver = true
                }
                return isOver || bytes.count >= count
            }
            return isOver && bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
        }

        func program() throws -> OwnedFileDescriptor { try UnixSocket.connectAtOnce(to: FilePath(path)) }

        /// A program that is connected to the guest's port 7, with its own port.
        func connectedProgram() throws -> Program {
            let program = try program()
            try program.descriptor.write(all: Array("CONNECT 7\n".utf8)[...])
            let request = try receive()
            try #require(request.operation == 1 && request.port == 7)
            try send(2, from: 7, to: request.hostPort)
            let answer = "OK \(request.hostPort)\n"
            try #require(try text(from: program, count: answer.utf8.count) == answer)
            return Program(socket: program, port: request.hostPort)
        }

        struct Program: ~Copyable {
            let socket: OwnedFileDescriptor
            /// The host's port that stands for it.
            let port: UInt32
        }
    }

    @Test func bytesGoBothWays() throws {
        let fixture = try Fixture()
        let program = try fixture.connectedProgram()
        try program.socket.descriptor.write(all: Array("ping".utf8)[...])
        #expect(try fixture.receive().bytes == Array("ping".utf8))
        try fixture.send(5, from: 7, to: program.port, Array("pong".utf8))
        #expect(try fixture.text(from: program.socket, count: 4) == "pong")
        // The guest ends its direction, then the program closes.
        try fixture.send(4, from: 7, to: program.port, flags: 2)
        #expect(try fixture.text(from: program.socket) == nil)
        _ = consume program
        #expect(try fixture.receive().operation == 4)
    }

    @Test func firstLinesThatAreWrongAreClosed() throws {
        let fixture = try Fixture()
        for line in ["CONNECT x\n", "GET / HTTP/1.1\r\n\r\n", "CONNECT 99999999999\n", "\n"] {
            let program = try fixture.program()
            try program.descriptor.write(all: Array(line.utf8)[...])
            #expect(try fixture.text(from: program) == nil)
        }
        // One that says nothing is not waited for, nor one that leaves.
        let begun = Date()
        let silent = try fixture.program()
        let gone = try fixture.program()
        gone.descriptor.shutDown(receiving: false, sending: true)
        #expect(try fixture.text(from: gone) == nil)
        #expect(try fixture.text(from: silent) == nil)
        #expect((4.5...15).contains(Date().timeIntervalSince(begun)))
    }

    @Test func withoutADriverNobodyIsReached() throws {
        let fixture = try Fixture(starts: false)
        let program = try fixture.program()
        try program.descriptor.write(all: Array("CONNECT 7\n".utf8)[...])
        #expect(try fixture.text(from: program) == nil)
    }

    @Test func theGuestReachesWhoListens() throws {
        let fixture = try Fixture()
        try fixture.send(1, from: 9, to: 5)
        #expect(try fixture.receive().operation == 3)
        let listener = try UnixSocket.listen(at: FilePath(fixture.path + "_5"))
        try fixture.send(1, from: 9, to: 5)
        #expect(try fixture.receive().operation == 2)
        let program = try listener.descriptor.acceptConnection()
        try fixture.send(5, from: 9, to: 5, Array("hello".utf8))
        #expect(try fixture.text(from: program, count: 5) == "hello")
        withExtendedLifetime(listener) {}
    }

    /// Who asked for a program that has too many waiting, and gave up, is not connected to it later.
    @Test func whoHasGivenUpIsNotConnected() throws {
        let fixture = try Fixture()
        let listener = try narrowListener(at: fixture.path + "_5")
        for port in 100..<120 as Range<UInt32> {
            try fixture.send(1, from: port, to: 5)
            fixture.pass(milliseconds: 2)
            try fixture.send(3, from: port, to: 5)
            fixture.pass(milliseconds: 2)
        }
        var accepted = 0
        for _ in 0..<20 {
            while let program = try? listener.descriptor.acceptConnection() {
                accepted += 1
                _ = consume program
            }
            fixture.pass(milliseconds: 20)
        }
        // As many as were connected before others had to wait.
        #expect((1...2).contains(accepted), "\(accepted)")
    }

    /// A socket that lets one wait, or two, as the kernel counts.
    private func narrowListener(at path: String) throws -> OwnedFileDescriptor {
        let listener = try UnixSocket.listen(at: FilePath(path))
        try #require(listen(listener.rawValue, 0) == 0)
        try listener.descriptor.makeNonBlocking()
        return listener
    }

    /// One that takes long to take what its guest sent before it left makes nobody wait who says nothing.
    @Test func aSilentProgramIsClosedWhileAnotherHasItsTime() throws {
        let fixture = try Fixture()
        let slow = try fixture.connectedProgram()
        for _ in 0..<8 {
            try fixture.send(5, from: 7, to: slow.port, [UInt8](repeating: 1, count: 31_000))
            fixture.pass(milliseconds: 5)
        }
        try fixture.send(4, from: 7, to: slow.port, flags: 3)
        var answer = try fixture.receive()
        // Before it, the guest may hear how much it may send.
        while answer.operation == 6 { answer = try fixture.receive() }
        #expect(answer.operation == 3)
        let begun = Date()
        let silent = try fixture.program()
        #expect(try fixture.text(from: silent) == nil)
        #expect((4.5...15).contains(Date().timeIntervalSince(begun)))
    }

    @Test func resetsCloseConnections() throws {
        let fixture = try Fixture()
        let first = try fixture.connectedProgram()
        fixture.reset()
        #expect(try fixture.text(from: first.socket) == nil)
        try fixture.start()
    }

    @Test func systemResetsCloseConnections() throws {
        let fixture = try Fixture()
        let program = try fixture.connectedProgram()
        fixture.unit.systemReset()
        #expect(try fixture.text(from: program.socket) == nil)
    }

    @Test func mistakesOfTheDriverCloseConnections() throws {
        let fixture = try Fixture()
        let program = try fixture.connectedProgram()
        try fixture.transmit([.readable(TestMemory.end - 8, 44)])
        #expect(try fixture.text(from: program.socket) == nil)
        #expect(
            fixture.warnings.texts == [
                "vsock: the guest's driver broke a rule, and its device needs a reset: no guest memory at 0x20fff8, 44"
                    + " bytes"
            ])
    }

    @Test func memoryThatIsUnpluggedIsAnError() throws {
        let fixture = try Fixture()
        let program = try fixture.connectedProgram()
        let region = fixture.memory.regions[0]
        // A packet whose bytes lie where nothing is plugged.
        try region.mapping.protect(0x9_0000..<0xA_0000, .inaccessible)
        let words: [UInt32] = [3, 0, 2, 0, 7, program.port, 64, 1 | 5 << 16, 0, 1 << 16, 0]
        let header = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        try fixture.memory.write(header, at: GuestAddress(Fixture.packets))
        try fixture.transmit([.readable(Fixture.packets, 44), .readable(TestMemory.start + 0x9_0000, 64)])
        #expect(try fixture.text(from: program.socket) == nil)
        #expect(
            fixture.warnings.texts.first?.hasSuffix("guest memory at 0x190000, 64 bytes, is not accessible") == true)
    }

    @Test func buffersThatAreUnpluggedAreAnError() throws {
        let fixture = try Fixture()
        let program = try fixture.connectedProgram()
        try fixture.memory.regions[0].mapping.protect(0x4_0000..<0x5_0000, .inaccessible)
        try program.socket.descriptor.write(all: [1, 2, 3])
        #expect(try fixture.text(from: program.socket) == nil)
        #expect(fixture.warnings.texts.first?.hasSuffix("is not accessible") == true)
    }

    @Test func thePathGoesWithTheUnit() throws {
        var path = ""
        do {
            let fixture = try Fixture()
            path = fixture.path
            #expect(FileManager.default.fileExists(atPath: path))
            withExtendedLifetime(fixture) {}
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
