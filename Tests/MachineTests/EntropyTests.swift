import Configuration
import Testing

@testable import Machine

/// The entropy device in a machine, driven by a guest.
@Suite(.enabled(if: TestMachine.isPossible, "/dev/kvm does not open"))
struct EntropyTests {
    private static let memoryDevice = MemoryDevice(id: "vm0", size: 64 << 20)
    /// Where a guest may have bytes written, in the second MiB of its memory.
    private static let buffer: UInt64 = 0x1F_0000

    /// The device behind one memory device, started.
    private static func agent() throws -> GuestAgent {
        var configuration = TestMachine.configuration(devices: [memoryDevice])
        configuration.hasEntropy = true
        let agent = try GuestAgent(.kernel, configuration: configuration)
        try agent.machine.resume()
        #expect(try agent.tell(.startDevice, 1, 0).value == 1)
        return agent
    }

    @Test(.timeLimit(.minutes(2))) func aGuestGetsRandomNumbers() throws {
        let agent = try Self.agent()
        var numbers: Set<UInt64> = [0]
        for _ in 0..<4 {
            try agent.tell(.chain, 0, Self.buffer, 1)
            numbers.insert(try agent.tell(.load, Self.buffer, 8).value)
        }
        #expect(numbers.count == 5)
    }

    @Test(.timeLimit(.minutes(2))) func itDoesNotReachUnpluggedMemory() throws {
        let agent = try Self.agent()
        let needsReset = UInt64.max
        #expect(try agent.tell(.chain, 0, GuestAgent.start, 1).value == needsReset)
        let event = agent.test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "rng: the guest's driver broke a rule, and its device needs a reset: guest memory at 0x100000000,"
                        + " 10 bytes, is not accessible"))
        // A driver that begins anew is served again.
        #expect(try agent.tell(.startDevice, 1, 0).value == 1)
        #expect(try agent.tell(.chain, 0, Self.buffer, 1).value != needsReset)
        #expect(try agent.machine.state() == .running)
    }

    @Test func aMachineCanBeWithoutIt() throws {
        var configuration = TestMachine.configuration()
        configuration.hasEntropy = false
        let machine = try GuestAgent(.kernel, configuration: configuration)
        try machine.machine.resume()
        // All ones where there is no register.
        #expect(try machine.tell(.load, 0xD000_0000, 4).value == 0xFFFF_FFFF)
    }
}
