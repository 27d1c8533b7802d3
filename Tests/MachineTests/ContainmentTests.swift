import Configuration
import Foundation
import GuestMemory
import Host
import Testing

@testable import Machine

/// What becomes of machines whose guests, or whose hosts, take memory away.
@Suite(.needsKVM, .serialized) struct ContainmentTests {
    private static let start = GuestAgent.start
    private static let hole = start + 2 * GuestAgent.blockSize
    private static let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))

    private static func device(_ change: (inout MemoryDevice) -> Void) -> MemoryDevice {
        var device = device
        change(&device)
        return device
    }

    // MARK: What a violation leads to

    @Test func aViolationCanResetTheMachine() throws {
        let agent = try GuestAgent(.user, devices: [Self.device { $0.onViolation = .reset }], plugging: [0..<2])
        try agent.post(.store, Self.hole, 8, 1)
        #expect(try agent.violation(after: 0).access == .write(Self.hole, size: 8))
        agent.test.waitForEvent { $0 == .reset(byGuest: true) }
        #expect(try agent.machine.state() == .running)
        #expect(try agent.tell(.startDevice, 0, 2).value == 1, "it is a fresh guest")
        #expect(try agent.machine.memoryDevices()[0].pluggedSize == 0)
    }

    @Test func aViolationCanEndTheMachine() throws {
        let agent = try GuestAgent(.user, devices: [Self.device { $0.onViolation = .exit }], plugging: [0..<2])
        try agent.post(.load, Self.hole, 8)
        let violation = try agent.violation(after: 0)
        #expect(agent.test.end() == .violation(violation))
    }

    @Test func aViolationIsDescribed() {
        let violation = MemoryViolation(
            device: "vm0", vcpu: 3, instructionPointer: 0x1234, isBehind: true, access: .write(0x1_0000_0000, size: 4))
        #expect(
            violation.description
                == "vm0: vCPU 3 writes 4 bytes at guest-physical 0x100000000, unplugged memory, by the instruction "
                + "before 0x1234")
        let unknown = MemoryViolation(
            device: "a", vcpu: 0, instructionPointer: 16, access: .unknown(slot: 0x1000..<0x3000))
        #expect(
            unknown.description
                == "a: vCPU 0 accesses guest-physical 0x1000 to 0x2fff, unplugged memory, by the instruction at 0x10")
    }

    /// KVM writes the time, stolen time and the end of an interrupt where a guest wants that (kernel document
    /// virt/kvm/x86/msr), but not to unplugged memory, in a live slot or where none is.
    @Test(arguments: [hole, start + (192 << 20)])
    func whatKVMWritesForTheGuestIsContained(_ address: UInt64) throws {
        let agent = try GuestAgent(.kernel, devices: [Self.device], plugging: [0..<2, 3..<4])
        for (number, enabled) in [(0x4b56_4d00, 0), (0x4b56_4d01, 1), (0x4b56_4d03, 1), (0x4b56_4d04, 1)]
            as [(UInt64, UInt64)]
        {
            let trap = try agent.tell(.writeMSR, number, address | enabled).trap
            #expect(trap == nil || trap == 13, "a general protection fault, where KVM has no such register")
        }
        for value in 0..<100 as Range<UInt64> {
            try agent.tell(.store, Self.start, 8, value)
            #expect(try agent.tell(.load, Self.start, 8).value == value)
        }
        try agent.expectContained()
        #expect(try agent.machine.state() == .running && agent.violations.isEmpty)
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func anInnocentVCPUGoesOnWithTheOther(_ level: GuestAgent.Level) throws {
        let agent = try GuestAgent(level, devices: [Self.device], plugging: [0..<2, 3..<4], processors: 2)
        try agent.tell(.startCPU, 1)
        try agent.post(.load, Self.hole + 16, 8, cpu: 1)
        let violation = try agent.violation(after: 0)
        #expect(violation.vcpu == 1 && violation.access == .read(Self.hole + 16, size: 8))
        try agent.post(.count, 1)
        #expect(try agent.answer(withinMilliseconds: 100) == nil, "all vCPUs are paused")
        try agent.change(2..<3, isPlugged: true)
        try agent.poke([7], at: Self.hole + 16)
        try agent.machine.resume()
        #expect(try agent.answer()?.trap == nil)
        var answer = try agent.tell(.collect, 1)
        while !answer.isDone { answer = try agent.tell(.collect, 1) }
        #expect(answer.value == 7)
        // Now both at once: one after the other is told of.
        try agent.change(2..<3, isPlugged: false)
        try agent.post(.load, Self.hole + 32, 4, cpu: 1)
        try agent.post(.store, Self.hole + 64, 4, 1)
        _ = try agent.violation(after: 1)
        for _ in 0..<20 {
            try agent.machine.resume()
            _ = try agent.violation(after: agent.violations.count - 1)
            let deadline = MonotonicInstant.now().advanced(byMilliseconds: 200)
            while try agent.machine.state() == .running, .now() < deadline { usleep(500) }
        }
        let accesses = agent.violations.dropFirst().map(\.access)
        #expect(accesses.allSatisfy { $0 == .read(Self.hole + 32, size: 4) || $0 == .write(Self.hole + 64, size: 4) })
        try agent.expectContained()
    }

    @Test func anotherMachineIsUntouched() throws {
        let (guilty, innocent) = (
            try GuestAgent(.user, devices: [Self.device], plugging: [0..<2]),
            try GuestAgent(.user, devices: [Self.device], plugging: [0..<3])
        )
        try guilty.post(.store, Self.hole, 8, 0x66)
        _ = try guilty.violation(after: 0)
        #expect(try innocent.tell(.load, Self.hole, 8).value == 0)
        #expect(try innocent.machine.state() == .running)
        #expect(innocent.violations == [])
        try guilty.expectContained()
        try innocent.expectContained()
    }

    /// The stack of an exception's handler: whatever KVM makes of it, the block stays out of reach.
    @Test func aHandlersStackThereIsOutOfReach() throws {
        let agent = try GuestAgent(.kernel, devices: [Self.device], plugging: [0..<2, 3..<4])
        try agent.post(.trap, Self.hole + 0x1000)
        if TestMachine.isSoftware {
            // It makes a double fault of it, whose handler has another stack.
            #expect(try agent.answer()?.trap == 8)
        } else {
            _ = try agent.violation(after: 0)
            #expect(try agent.machine.state() == .violation)
        }
        try agent.expectContained()
    }

    // MARK: Device emulation

    /// Has the device use memory that is unplugged; it needs a reset then, and works after that.
    private func checkDevice(_ agent: GuestAgent, _ deed: Deed) throws {
        try agent.post(deed.operation, deed.a, deed.b, deed.c)
        let answer = try #require(try agent.answer(), "\(deed.testDescription)")
        if deed.operation != .rings {
            #expect(answer.value == .max, "\(deed.testDescription)")
        }
        var status: UInt64 = 0
        for _ in 0..<100 where status & 64 == 0 { status = try agent.tell(.status).value }
        #expect(status & 64 != 0, "\(deed.testDescription): it needs a reset")
        try agent.expectContained()
        #expect(agent.violations == [])
        #expect(try agent.machine.state() == .running)
        try agent.tell(.resetDevice)
        #expect(try agent.tell(.startDevice, 0, 2).value == 1)
        #expect(try agent.tell(.request, 3, Self.start, 1).value == 0, "\(deed.testDescription): it works again")
    }

    @Test func theDeviceReachesNoUnpluggedMemoryEither() throws {
        let agent = try GuestAgent(.user, devices: [Self.device], plugging: [0..<2, 3..<4])
        let (hole, end) = (Self.hole, Self.hole + GuestAgent.blockSize)
        for deed in [
            Deed(.chain, hole), Deed(.chain, hole - 12), Deed(.chain, end - 12), Deed(.chain, 0, hole),
            Deed(.chain, 0, hole - 4), Deed(.chain, 0, end - 4), Deed(.indirect, hole, 32), Deed(.rings, hole, 0, 0),
            Deed(.rings, 0, hole, 0), Deed(.rings, 0, 0, hole), Deed(.rings, hole - 16, 0, 0),
            // Where there is no live slot, and at the end of the region.
            Deed(.chain, Self.start + 200 << 20), Deed(.chain, Self.start + 256 << 20 - 24),
        ] {
            try checkDevice(agent, deed)
        }
    }

    @Test func randomChainsLeadNowhere() throws {
        let agent = try GuestAgent(.user, devices: [Self.device], plugging: [0..<2, 3..<4])
        let count = environmentVariable("SWIFTLET_CHAINS").flatMap { UInt64($0) } ?? 2_000
        let seed = UInt64.random(in: 1...UInt64.max)
        let answer = try agent.tell(.randomChains, count, seed, Self.hole, withinMilliseconds: 60_000 + 20 * count)
        #expect(answer.trap == nil, "seed \(seed)")
        #expect(answer.value < count, "seed \(seed): some needed a reset of the device")
        #expect(try agent.machine.state() == .running, "seed \(seed)")
        try agent.expectContained()
        #expect(try agent.tell(.startDevice, 0, 2).value == 1)
        #expect(try agent.tell(.request, 3, Self.start, 1).value == 0)
    }

    // MARK: Drivers that may read unplugged memory

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func anOldDriverReadsZeroesAndMayNotWrite(_ level: GuestAgent.Level) throws {
        let device = Self.device { $0.unpluggedInaccessible = .auto }
        let agent = try GuestAgent(level, devices: [device], plugging: [0..<2, 3..<4], features: 0)
        for size in [1, 2, 4, 8, 16] as [UInt64] {
            #expect(try agent.tell(.load, Self.hole, size).value == 0)
            #expect(try agent.tell(.load, Self.start + 127 << 20, size).value == 0)
        }
        try agent.poke([1, 2, 3, 4], at: Self.hole - 4)
        #expect(try agent.tell(.load, Self.hole - 4, 8).value == 0x0403_0201)
        #expect(agent.violations == [])
        try agent.post(.store, Self.hole + 8, 4, 0x77)
        #expect(try agent.violation(after: 0).access == .write(Self.hole + 8, size: 4))
        try agent.expectContained()
        try agent.change(2..<3, isPlugged: true)
        try agent.machine.resume()
        #expect(try agent.answer()?.trap == nil)
        #expect(try agent.tell(.load, Self.hole + 8, 8).value == 0x77)
        try agent.post(.add, Self.start + 100 << 20, 8, 1)
        #expect(try agent.violation(after: 1).access == .write(Self.start + 100 << 20, size: 8))
        try agent.expectContained()
    }

    // MARK: Memory that the host does not have

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func aTruncatedFileIsNoViolation(_ level: GuestAgent.Level) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? FileManager.default.removeItem(atPath: file) }
        let device = Self.device { $0.backend = MemoryBackend(.file, path: file) }
        let agent = try GuestAgent(level, devices: [device], plugging: [0..<2, 3..<4])
        try agent.tell(.store, Self.start + 8, 8, 0x1234)
        #expect(truncate(file, 4096) == 0)
        #expect(try agent.tell(.load, Self.start + 8, 8).value == 0x1234, "what is left of it")
        for (address, operation) in [
            (Self.start + 0x10_0000, .load), (Self.hole + GuestAgent.blockSize + 64, .store),
        ] as [(UInt64, GuestAgent.Operation)] {
            try agent.post(operation, address, 4, 9)
            try expectNoMemory(agent, at: address)
            #expect(truncate(file, off_t(device.size)) == 0)
            try agent.machine.resume()
            #expect(try agent.answer()?.trap == nil, "there is memory again")
            #expect(truncate(file, 4096) == 0)
        }
        #expect(agent.violations == [])
        #expect(truncate(file, off_t(device.size)) == 0)
    }

    /// Waits until the guest is paused because the host has no memory behind an address.
    private func expectNoMemory(_ agent: GuestAgent, at address: UInt64) throws {
        let place = "0x" + String(address, radix: 16)
        let beginning = "the host has no memory behind guest-physical \(place), a part of vm0: "
        agent.test.waitForEvent {
            if case .memoryUnavailable(let text) = $0 { text.hasPrefix(beginning) } else { false }
        }
        #expect(try agent.machine.state() == .memoryUnavailable)
    }

    /// A file system in memory, of some size, for as long as a test has it.
    private func withFileSystem(_ size: String, _ body: (String) throws -> Void) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "memory-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        let path = directory.path(percentEncoded: false)
        defer { try? FileManager.default.removeItem(at: directory) }
        try #require(mount("swiftlet", path, "tmpfs", 0, "size=\(size)") == 0)
        defer { umount2(path, CInt(MNT_DETACH)) }
        try body(path)
    }

    private func resize(_ path: String, to size: String) throws {
        try #require(mount("swiftlet", path, "tmpfs", UInt(MS_REMOUNT), "size=\(size)") == 0)
    }

    /// A file system that somebody else has filled, until it is made larger.
    @Test(.mountsInEmulatedHost, arguments: [GuestAgent.Level.kernel, .user])
    func aFullFileSystemIsNoViolation(_ level: GuestAgent.Level) throws {
        try withFileSystem("4M") { path in
            let device = Self.device { $0.backend = MemoryBackend(.file, path: path + "/memory") }
            let agent = try GuestAgent(level, devices: [device], plugging: [0..<2])
            for page in 0..<16 as Range<UInt64> {
                #expect(try agent.tell(.store, Self.start + page << 12, 8, page).trap == nil)
            }
            try resize(path, to: "64k")
            try agent.post(.store, Self.start + 0x10_0000, 8, 9)
            try expectNoMemory(agent, at: Self.start + 0x10_0000)
            try agent.machine.resume()
            #expect(try agent.answer(withinMilliseconds: 100) == nil, "it is still full")
            #expect(try agent.machine.state() == .memoryUnavailable)
            try resize(path, to: "1M")
            try agent.machine.resume()
            #expect(try agent.answer()?.trap == nil)
            #expect(try agent.tell(.load, Self.start + 0x10_0000, 8).value == 9)
            #expect(try agent.tell(.load, Self.start + 15 << 12, 8).value == 15)
            #expect(agent.violations == [])
        }
    }

    /// What the file system has no room for is not plugged: a Linux guest that touched it would wait for ever.
    @Test(.mountsInEmulatedHost) func blocksWithoutRoomInTheFileSystemAreBusy() throws {
        try withFileSystem("5M") { path in
            let device = Self.device { $0.backend = MemoryBackend(.file, path: path + "/memory") }
            let agent = try GuestAgent(.kernel, devices: [device], plugging: [0..<2])
            let third = Self.start + 2 * GuestAgent.blockSize
            #expect(try agent.tell(.request, 0, third, 1).value == 2, "BUSY")
            // What was written of the others counts once.
            let words = GuestAgent.blockSize / 8
            #expect(try agent.tell(.words, Self.start, words, 7, withinMilliseconds: 60_000).trap == nil)
            #expect(try agent.tell(.request, 0, third, 1).value == 2)
            #expect(try agent.machine.memoryDevices()[0].pluggedSize == 2 * GuestAgent.blockSize)
            let text = try agent.machine.memoryDeviceDetails()[0].diagnosis.explanation
            #expect(
                text.contains(
                    "the file system has room for 3 MiB, and 4 MiB of what would be plugged are not on it yet"))
            try resize(path, to: "6M")
            #expect(try agent.tell(.request, 0, third, 1).value == 0)
            #expect(try agent.tell(.store, third, 8, 1).trap == nil)
        }
    }

    /// Boot memory that the host can't reach, as if its backing were gone.
    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func soIsBootMemoryWithoutABacking(_ level: GuestAgent.Level) throws {
        let agent = try GuestAgent(level, devices: [Self.device], plugging: [0..<2, 3..<4])
        let page: Range<UInt64> = 0x1F_0000..<0x1F_1000
        func protect(_ protection: MemoryMapping.Protection) throws {
            try agent.machine.call { core in
                #expect(throws: Never.self) {
                    try core.hardware.bootMemory[0].mapping.protect(page, protection)
                }
            }
        }
        try protect(.inaccessible)
        try agent.post(.load, page.lowerBound + 8, 8)
        let event = agent.test.waitForEvent { if case .memoryUnavailable = $0 { true } else { false } }
        guard case .memoryUnavailable(let text)? = event else { return }
        #expect(text.hasPrefix("the host has no memory behind guest-physical 0x1f0008, a part of ram: "))
        try agent.machine.resume()
        #expect(try agent.answer(withinMilliseconds: 100) == nil)
        #expect(try agent.machine.state() == .memoryUnavailable, "said again")
        try protect(.readWrite)
        try agent.machine.resume()
        #expect(try agent.answer()?.value == 0)
        #expect(agent.violations == [])
    }
}

extension Trait where Self == ConditionTrait {
    /// Mounts file systems, which is nobody's business on the machine that the tests run on.
    fileprivate static var mountsInEmulatedHost: Self {
        .enabled(if: environmentVariable("KVM_HOST") == "emulated" && geteuid() == 0, "mounts: an emulated host, root")
    }
}
