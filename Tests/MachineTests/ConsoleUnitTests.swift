import Configuration
import Glibc
import Host
import SystemPackage
import Testing

@testable import Machine

/// The virtio console in a machine, driven by a guest.
@Suite(.enabled(if: TestMachine.isPossible, "/dev/kvm does not open"))
final class ConsoleUnitTests {
    private static let memoryDevice = MemoryDevice(id: "vm0", size: 64 << 20)
    /// Where a guest may have bytes written, in the second MiB of its memory.
    private static let buffer: UInt64 = 0x1F_0000
    /// The registers behind those of the memory device.
    private static let registers: UInt64 = 0xD000_1000
    private static let needsReset = UInt64.max

    private let agent: GuestAgent
    /// Our end of the console's channel, and the machine's.
    private let ours: OwnedFileDescriptor
    private let theirs: OwnedFileDescriptor

    init() throws {
        let (first, second) = try makeByteChannel()
        ours = OwnedFileDescriptor(first)
        theirs = OwnedFileDescriptor(second)
        var configuration = TestMachine.configuration(devices: [Self.memoryDevice])
        configuration.hasEntropy = false
        configuration.hasConsole = true
        agent = try GuestAgent(
            .kernel, configuration: configuration,
            console: ConsoleEnd(.stream(second), size: .init(columns: 132, rows: 43)))
        try agent.machine.resume()
    }

    private func output(_ count: Int, withinMilliseconds limit: UInt64 = TestMachine.patience) throws -> [UInt8] {
        var bytes: [UInt8] = []
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: limit)
        while bytes.count < count, MonotonicInstant.now() < deadline {
            if case .bytes(let more) = try ByteStream.read(ours.descriptor) {
                bytes += more
            } else {
                usleep(500)
            }
        }
        return bytes
    }

    @Test(.timeLimit(.minutes(2))) func outputReachesTheChannel() throws {
        #expect(try agent.tell(.startDevice, 1, 0, 1).value == 1)
        for word in [0x2e2e_6f6c_6c65_4820, 0x21, 0] as [UInt64] {
            try agent.tell(.store, Self.buffer, 8, word)
            try agent.tell(.chain, Self.buffer, 0, 1)
            let bytes = try output(24)
            #expect(bytes.count == 24)
            #expect(bytes.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } == word)
        }
    }

    @Test(.timeLimit(.minutes(2))) func inputReachesTheGuest() throws {
        // It waits until the guest has room.
        try ours.descriptor.write(all: Array("Hello, guest".utf8)[...])
        #expect(try agent.tell(.startDevice, 1, 0, 0).value == 1)
        try agent.tell(.chain, 0, Self.buffer, 1)
        #expect(try agent.tell(.load, Self.buffer, 8).value == 0x6720_2C6F_6C6C_6548)
        try agent.tell(.chain, 0, Self.buffer, 1)
        #expect(try agent.tell(.load, Self.buffer, 2).value == 0x7473)
    }

    @Test(.timeLimit(.minutes(2))) func emergencyWritesReachTheChannel() throws {
        for byte in Array("help".utf8) { try agent.tell(.store, Self.registers + 0x108, 4, UInt64(byte)) }
        #expect(try output(4) == Array("help".utf8))
    }

    @Test(.timeLimit(.minutes(2))) func theTerminalsSizeIsTold() throws {
        #expect(try agent.tell(.load, Self.registers + 0x100, 4).value == 132 | 43 << 16)
        #expect(try agent.tell(.startDevice, 1, 1, 0).value == 1)
        // Linux does not look at it before.
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
        while try agent.tell(.load, Self.registers + 0x60, 4).value != 2 {
            try #require(MonotonicInstant.now() < deadline, "the driver is interrupted when it is ready")
        }
        try agent.tell(.store, Self.registers + 0x64, 4, 2)
        #expect(try agent.tell(.load, Self.registers + 0x60, 4).value == 0)
        try agent.machine.setConsoleSize(.init(columns: 80, rows: 25))
        #expect(try agent.tell(.load, Self.registers + 0x100, 4).value == 80 | 25 << 16)
        #expect(try agent.tell(.load, Self.registers + 0x60, 4).value == 2, "the driver is interrupted")
    }

    @Test(.timeLimit(.minutes(2)), arguments: [0, 1] as [UInt64])
    func itDoesNotReachUnpluggedMemory(_ queue: UInt64) throws {
        try ours.descriptor.write(all: Array("Hello".utf8)[...])
        #expect(try agent.tell(.startDevice, 1, 0, queue).value == 1)
        let (readable, writable) = queue == 0 ? (0, GuestAgent.start) : (GuestAgent.start, 0)
        #expect(try agent.tell(.chain, readable, writable, 1).value == Self.needsReset)
        let event = agent.test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "console: the guest's driver broke a rule, and its device needs a reset: guest memory at"
                        + " 0x100000000, \(queue == 0 ? 5 : 24) bytes, is not accessible"))
        // A driver that begins anew is served again.
        #expect(try agent.tell(.startDevice, 1, 0, 1).value == 1)
        #expect(try agent.tell(.chain, Self.buffer, 0, 1).value != Self.needsReset)
        #expect(try output(24).count == 24)
        #expect(try agent.machine.state() == .running)
    }

    /// The guest waits with its buffer; nobody else does.
    @Test(.timeLimit(.minutes(2))) func aReaderThatTakesNothingKeepsTheGuestsBuffer() throws {
        TestMachine.limitBuffer(of: theirs.descriptor)
        #expect(try agent.tell(.startDevice, 1, 0, 1).value == 1)
        let before = try filled()
        #expect(before > 100, "what fits in between")
        #expect(try agent.machine.state() == .running)
        _ = try output(.max, withinMilliseconds: 500)
        #expect(try agent.answer() != nil, "it goes on")
        #expect(try agent.tell(.chain, Self.buffer, 0, 1).value != Self.needsReset)
    }

    /// Writes until the guest has to wait; returns how often it did not.
    private func filled() throws -> Int {
        for count in 0..<10_000 {
            try agent.post(.chain, Self.buffer, 0, 1)
            if try agent.answer(withinMilliseconds: 2_000) == nil { return count }
        }
        Issue.record("the guest never had to wait")
        return 0
    }

    @Test(.timeLimit(.minutes(2))) func aResetBeginsAnew() throws {
        #expect(try agent.tell(.startDevice, 1, 0, 1).value == 1)
        try agent.tell(.chain, Self.buffer, 0, 1)
        #expect(try output(24).count == 24)
        try agent.machine.reset()
        #expect(try agent.tell(.startDevice, 1, 0, 1).value == 1)
        try agent.tell(.chain, Self.buffer, 0, 1)
        #expect(try output(24).count == 24)
    }
}
