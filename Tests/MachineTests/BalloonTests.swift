import Configuration
import Host
import Testing

@testable import Machine

/// The balloon in a machine, driven by a guest.
@Suite(.enabled(if: TestMachine.isPossible, "/dev/kvm does not open"))
struct BalloonTests {
    private static let memoryDevice = MemoryDevice(id: "vm0", size: 64 << 20, requestedSize: 8 << 20)
    /// Where the guest has its lists, in the second MiB of its memory.
    private static let list: UInt64 = 0x1F_0000
    private static let inflate: UInt64 = 0
    private static let report: UInt64 = 2
    private static let needsReset = UInt64.max

    /// A machine with a memory device of which the first and the third block are plugged.
    private static func agent(_ balloon: Balloon = Balloon(reportsFreePages: true)) throws -> GuestAgent {
        var configuration = TestMachine.configuration(devices: [memoryDevice])
        configuration.hasEntropy = false
        configuration.balloon = balloon
        let agent = try GuestAgent(.kernel, configuration: configuration)
        try agent.machine.resume()
        #expect(try agent.tell(.map, GuestAgent.start, GuestAgent.start, memoryDevice.size).trap == nil)
        #expect(try agent.tell(.startDevice, 0, 2).value == 1)
        for block in [0, 2] as [UInt64] {
            #expect(try agent.tell(.request, 0, GuestAgent.start + block * GuestAgent.blockSize, 1).value == 0)
        }
        return agent
    }

    /// Puts up to six pages into the balloon.
    private func inflate(_ pages: [UInt64], _ agent: GuestAgent) throws {
        #expect(try agent.tell(.startDevice, 1, 1, Self.inflate).value == 1)
        // The list is as long as a request: what is left over names a page that is none.
        for index in 0..<6 {
            let page = index < pages.count ? pages[index] : 0xFFFF_FFFF
            try agent.tell(.store, Self.list + 4 * UInt64(index), 4, page)
        }
        #expect(try agent.tell(.chain, Self.list, 0, 1).value != Self.needsReset)
    }

    @Test(.timeLimit(.minutes(2))) func pagesGoBackWhetherTheyArePluggedOrBootMemory() throws {
        let agent = try Self.agent()
        let pages = [0x1F_1000, GuestAgent.start + 0x3000, GuestAgent.start + 2 * GuestAgent.blockSize]
        for page in pages {
            try agent.tell(.store, page, 8, 0x1234)
            try agent.tell(.store, page + 0x1000, 8, 0x5678)
        }
        try inflate(pages.map { $0 >> 12 }, agent)
        for page in pages {
            #expect(try agent.tell(.load, page, 8).value == 0, "its page is gone, and comes anew")
            #expect(try agent.tell(.load, page + 0x1000, 8).value == 0x5678)
        }
    }

    /// Pages that are not there, or not plugged: nothing happens, and the blocks stay out of reach.
    @Test(.timeLimit(.minutes(2))) func whatIsUnpluggedStaysUntouched() throws {
        let agent = try Self.agent()
        let unplugged = GuestAgent.start + GuestAgent.blockSize
        try inflate([0xFFF_FFFF, unplugged >> 12, (unplugged >> 12) + 1, 0xD0000, 0x200], agent)
        #expect(try agent.machine.memoryDevices()[0].pluggedSize == 2 * GuestAgent.blockSize)
        #expect(agent.test.events.allSatisfy { if case .warning = $0 { false } else { true } })
        // It reads as zero when it is plugged, and works.
        #expect(try agent.tell(.request, 0, unplugged, 1).value == 0)
        #expect(try agent.tell(.load, unplugged, 8).value == 0)
        try agent.tell(.store, unplugged, 8, 7)
        #expect(try agent.tell(.load, unplugged, 8).value == 7)
    }

    /// Ten bytes of free memory: less than a page. Then none that is the guest's.
    @Test(.timeLimit(.minutes(2))) func freeMemoryIsCutToWhatIsThere() throws {
        let agent = try Self.agent()
        #expect(try agent.tell(.startDevice, 1, 33, Self.report).value == 1)
        try agent.tell(.store, Self.list, 8, 99)
        #expect(try agent.tell(.chain, 0, Self.list, 1).value != Self.needsReset)
        #expect(try agent.tell(.load, Self.list, 8).value == 99)
        #expect(try agent.tell(.chain, 0, GuestAgent.start + GuestAgent.blockSize, 1).value != Self.needsReset)
        #expect(try agent.tell(.chain, 0, 0xFFFF_FFFF_0000, 1).value == Self.needsReset)
    }

    @Test(.timeLimit(.minutes(2))) func listsInUnpluggedMemoryAreTheDriversMistake() throws {
        let agent = try Self.agent()
        #expect(try agent.tell(.startDevice, 1, 1, Self.inflate).value == 1)
        let address = GuestAgent.start + GuestAgent.blockSize
        #expect(try agent.tell(.chain, address, 0, 1).value == Self.needsReset)
        let event = agent.test.waitForEvent { if case .warning = $0 { true } else { false } }
        #expect(
            event
                == .warning(
                    "balloon: the guest's driver broke a rule, and its device needs a reset: guest memory at"
                        + " 0x100200000, 1 bytes, is not accessible"))
        try inflate([0x1F1], agent)
    }

    @Test(.timeLimit(.minutes(2))) func itsSizeIsAskedForAndTold() throws {
        let agent = try Self.agent(Balloon(size: 64 << 10))
        let registers: UInt64 = 0xD000_1000
        let memory: UInt64 = 2 << 20 + 2 * GuestAgent.blockSize
        #expect(try agent.tell(.load, registers + 0x100, 4).value == 16)
        #expect(try agent.machine.balloon() == BalloonStatus(target: 64 << 10, size: 0, memory: memory))
        #expect(try agent.tell(.startDevice, 1, 1, Self.inflate).value == 1)
        try agent.machine.setBalloon(remaining: memory - 1 << 20)
        #expect(try agent.tell(.load, registers + 0x100, 4).value == 256)
        #expect(try agent.tell(.load, registers + 0x60, 4).value == 2, "the driver is interrupted")
        try agent.tell(.store, registers + 0x104, 4, 100)
        let wanted = BalloonStatus(target: 1 << 20, size: 400 << 10, memory: memory)
        _ = agent.test.waitForEvent { $0 == .balloonChanged(wanted) }
        #expect(try agent.machine.balloon()?.remaining == memory - 400 << 10)
        // The machine has not got more.
        try agent.machine.setBalloon(remaining: 1 << 40)
        #expect(try agent.machine.balloon()?.target == 0)
        try agent.machine.reset()
        #expect(try agent.machine.balloon() == BalloonStatus(target: 0, size: 0, memory: 2 << 20))
    }

    @Test(.timeLimit(.minutes(2))) func populatedMemoryStaysPopulated() throws {
        var configuration = TestMachine.configuration()
        configuration.hasEntropy = false
        configuration.memoryBackend.prealloc = true
        configuration.balloon = Balloon()
        let agent = try GuestAgent(.kernel, configuration: configuration)
        try agent.machine.resume()
        try agent.tell(.store, 0x1F_1000, 8, 0x1234)
        #expect(try agent.tell(.startDevice, 0, 1, Self.inflate).value == 1)
        try agent.tell(.store, Self.list, 4, 0x1F1)
        #expect(try agent.tell(.chain, Self.list, 0, 0).value != Self.needsReset)
        #expect(try agent.tell(.load, 0x1F_1000, 8).value == 0x1234)
    }

    @Test func aMachineCanBeWithoutIt() throws {
        let agent = try GuestAgent(.kernel, configuration: TestMachine.configuration())
        #expect(try agent.machine.balloon() == nil)
        #expect(throws: MachineError.self) { try agent.machine.setBalloon(remaining: 1 << 20) }
    }
}
