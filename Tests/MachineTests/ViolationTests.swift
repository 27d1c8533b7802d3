import Configuration
import GuestMemory
import Host
import Testing

@testable import Machine

/// Guests that touch unplugged memory, by each kind of access, on each side of each boundary.
@Suite(.needsKVM, .serialized) struct ViolationTests {
    private static let start = GuestAgent.start
    private static let block = GuestAgent.blockSize
    /// The first unplugged block, which lies between plugged ones in a live slot.
    private static let hole = start + 2 * block..<start + 3 * block
    private static let slot: UInt64 = 128 << 20

    private static let device = MemoryDevice(id: "vm0", size: .mebibytes(256), requestedSize: .mebibytes(128))

    private func makeAgent(_ level: GuestAgent.Level) throws -> GuestAgent {
        // The last block of a slot, too, with nothing behind it.
        try GuestAgent(level, devices: [Self.device], plugging: [0..<2, 3..<4, 63..<64])
    }

    /// What software KVM runs at CPL 0 it emulates, and takes inaccessible memory for memory that is not there.
    private func isEmulated(_ level: GuestAgent.Level) -> Bool {
        TestMachine.isSoftware && level == .kernel
    }

    /// Has the guest do something in the hole; then going on stops there again, and works as soon as the block is
    /// plugged.
    private func check(
        _ agent: GuestAgent, _ deed: Deed, _ expected: MemoryViolation.Access, isBehind: Bool, value: UInt64? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let count = agent.violations.count
        try agent.post(deed.operation, deed.a, deed.b, deed.c)
        for round in 0..<2 {
            let violation = try agent.violation(after: count + round, sourceLocation: sourceLocation)
            #expect(violation.access == expected, "\(deed.testDescription)", sourceLocation: sourceLocation)
            #expect(violation.device == "vm0" && violation.vcpu == 0, sourceLocation: sourceLocation)
            #expect(
                violation.isBehind == isBehind, "\(deed.testDescription), \(violation)", sourceLocation: sourceLocation)
            if case .execute(let address) = expected {
                #expect(violation.instructionPointer == address, sourceLocation: sourceLocation)
            } else {
                let image = GuestProgram.address..<GuestProgram.address + 0x8000
                #expect(image.contains(violation.instructionPointer), sourceLocation: sourceLocation)
            }
            #expect(try agent.machine.state() == .violation, sourceLocation: sourceLocation)
            try agent.expectContained(sourceLocation: sourceLocation)
            if round == 0 { try agent.machine.resume() }
        }
        try agent.change(2..<3, isPlugged: true)
        // A return, for what is executed; else the last byte counts where a word is read.
        try agent.poke([0xC3] + [UInt8](repeating: 0x5A, count: 15), at: Self.hole.lowerBound)
        try agent.poke([UInt8](repeating: 0x6B, count: 16), at: Self.hole.upperBound - 16)
        try agent.machine.resume()
        let answer = try #require(try agent.answer(), sourceLocation: sourceLocation)
        #expect(answer.trap == nil, "\(deed.testDescription)", sourceLocation: sourceLocation)
        if let value {
            #expect(answer.value == value, "\(deed.testDescription)", sourceLocation: sourceLocation)
        }
        #expect(agent.violations.count == count + 2, sourceLocation: sourceLocation)
        try agent.change(2..<3, isPlugged: false)
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func readsAreTold(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        let (first, last) = (Self.hole.lowerBound, Self.hole.upperBound - 1)
        try check(agent, Deed(.load, first, 1), .read(first, size: 1), isBehind: false, value: 0xC3)
        try check(agent, Deed(.load, first, 2), .read(first, size: 2), isBehind: false, value: 0x5AC3)
        try check(agent, Deed(.load, first, 4), .read(first, size: 4), isBehind: false, value: 0x5A5A_5AC3)
        try check(agent, Deed(.load, first, 8), .read(first, size: 8), isBehind: false, value: 0x5A5A_5A5A_5A5A_5AC3)
        try check(agent, Deed(.load, first + 3, 4), .read(first + 3, size: 4), isBehind: false, value: 0x5A5A_5A5A)
        try check(agent, Deed(.load, first + 4096, 8), .read(first + 4096, size: 8), isBehind: false, value: 0)
        try check(agent, Deed(.load, last, 1), .read(last, size: 1), isBehind: false, value: 0x6B)
        // From the hole into the plugged block behind it: no reader of a string does that.
        try agent.poke([1, 2, 3, 4], at: last + 1)
        try check(
            agent, Deed(.load, last - 3, 8), .read(last - 3, size: 4), isBehind: false, value: 0x0403_0201_6B6B_6B6B)
        try check(
            agent, Deed(.load, first, 16), .read(first, size: 8), isBehind: false,
            value: 0x5A5A_5A5A_5A5A_5AC3 &+ 0x5A5A_5A5A_5A5A_5A5A)
        try check(agent, Deed(.pop, first), .read(first, size: 8), isBehind: false, value: 0x5A5A_5A5A_5A5A_5AC3)
        try check(agent, Deed(.compare, first, Self.start), .read(first, size: 4), isBehind: false, value: 0)
        try check(agent, Deed(.copy, Self.start, first - 8, 16), .read(first, size: 1), isBehind: false)
        #expect(try agent.peek(10, at: Self.start) == [0, 0, 0, 0, 0, 0, 0, 0, 0xC3, 0x5A])
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func writesAreTold(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        let (first, last, behind) = (Self.hole.lowerBound, Self.hole.upperBound - 1, isEmulated(level))
        for size in [1, 2, 4, 8] as [UInt64] {
            try check(agent, Deed(.store, first, size, 0x99), .write(first, size: Int(size)), isBehind: behind)
        }
        try check(agent, Deed(.store, last, 1, 0x99), .write(last, size: 1), isBehind: behind)
        try check(agent, Deed(.store, last - 3, 8, 0x1122_3344_5566_7788), .write(last - 3, size: 4), isBehind: behind)
        #expect(try agent.peek(4, at: last + 1) == [0x44, 0x33, 0x22, 0x11], "tried again as a whole")
        // Crossing writes, too.
        try check(agent, Deed(.store, first - 4, 8, 0x1122_3344_5566_7788), .write(first, size: 4), isBehind: behind)
        #expect(try agent.peek(4, at: first - 4) == [0x88, 0x77, 0x66, 0x55])
        try check(agent, Deed(.push, first + 8), .write(first, size: 8), isBehind: behind)
        // A read that is followed by a write is told as what comes first, and not taken for a harmless one.
        try check(agent, Deed(.add, first + 8, 8, 1), .read(first + 8, size: 8), isBehind: false)
        try check(agent, Deed(.add, first - 4, 8, 1), .read(first, size: 4), isBehind: false)
        try check(agent, Deed(.copy, first - 8, Self.start, 16), .write(first, size: 1), isBehind: behind)
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func instructionsThereAreTold(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        try check(agent, Deed(.call, Self.hole.lowerBound), .execute(Self.hole.lowerBound), isBehind: false)
    }

    /// Software KVM walks page tables by itself, and tells the guest of what it can't read, not the VMM.
    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func aPageTableThereIsOutOfReach(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        let virtual: UInt64 = 64 << 30
        try agent.tell(.mapTable, virtual, 1, Self.hole.lowerBound)
        try agent.post(.load, virtual, 8)
        if TestMachine.isSoftware {
            #expect(try agent.answer()?.trap == 14)
            #expect(agent.violations == [])
        } else {
            let violation = try agent.violation(after: 0)
            switch violation.access {
            case .read(let address, _), .write(let address, _):
                #expect(Self.hole.contains(address), "\(violation)")
            case .unknown(let slot): #expect(slot == Self.start..<Self.start + Self.slot)
            case .execute: Issue.record("\(violation)")
            }
        }
        try agent.expectContained()
    }

    /// KVM has to emulate what touches memory without a slot, and knows few vector instructions: the slot is what can be
    /// told of those. Software KVM emulates all that runs at CPL 0, so that they never work there.
    @Test(arguments: TestMachine.isSoftware ? [GuestAgent.Level.user] : [.kernel, .user])
    func instructionsThatNobodyCanEmulateAreTold(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        let slot = Self.start..<Self.start + Self.slot
        try check(agent, Deed(.vector, Self.hole.lowerBound), .unknown(slot: slot), isBehind: false)
        try check(agent, Deed(.vector, Self.hole.upperBound - 16), .unknown(slot: slot), isBehind: false)
    }

    // MARK: Reads across an edge

    /// Reads words across an edge, each size at each offset: they get zeroes from behind it, and nobody notices.
    private func checkCrossing(_ agent: GuestAgent, at edge: UInt64) throws {
        try agent.poke((1...16).map { $0 }, at: edge - 16)
        for size in [2, 4, 8, 16] as [UInt64] {
            for before in 1..<size {
                var bytes = [UInt8](repeating: 0, count: 16)
                for index in 0..<Int(before) {
                    bytes[index] = UInt8(17 - Int(before) + index)
                }
                let halves = [0, 8].map { half in
                    (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[half + $1]) << UInt64(8 * $1) }
                }
                let answer = try agent.tell(.load, edge - before, size)
                #expect(answer.value == halves[0] &+ halves[1], "\(size) bytes, \(before) before the edge")
                #expect(answer.trap == nil)
            }
        }
        #expect(agent.violations == [])
        #expect(try agent.machine.state() == .running)
        try agent.expectContained()
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func aReadAcrossTheEdgeOfAHoleGetsZeroes(_ level: GuestAgent.Level) throws {
        try checkCrossing(try makeAgent(level), at: Self.hole.lowerBound)
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func soDoesOneAcrossTheEdgeOfASlot(_ level: GuestAgent.Level) throws {
        let agent = try makeAgent(level)
        let edge = Self.start + Self.slot
        try checkCrossing(agent, at: edge)
        // One that begins behind it does not.
        try agent.post(.load, edge, 4)
        #expect(try agent.violation(after: 0).access == .read(edge, size: 4))
        try agent.expectContained()
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func soDoesOneFromTheRegionOfAnotherDevice(_ level: GuestAgent.Level) throws {
        let devices = ["vm0", "vm1"].map {
            MemoryDevice(id: $0, size: .gibibytes(2), requestedSize: .gibibytes(2))
        }
        let agent = try GuestAgent(level, devices: devices, plugging: [1023..<1024])
        let edge = Self.start + 2 << 30
        try checkCrossing(agent, at: edge)
        try agent.post(.load, edge, 8)
        let violation = try agent.violation(after: 0)
        #expect(violation.access == .read(edge, size: 8))
        #expect(violation.device == "vm1")
    }

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func soDoesOneFromBootMemory(_ level: GuestAgent.Level) throws {
        let agent = try GuestAgent(level, devices: [Self.device], plugging: [], memory: .gibibytes(5))
        let edge: UInt64 = 6 << 30
        #expect(try agent.machine.memoryDevices()[0].address == edge)
        try checkCrossing(agent, at: edge)
        try agent.post(.load, edge, 1)
        #expect(try agent.violation(after: 0).access == .read(edge, size: 1))
    }

    /// Linux has interrupts on nearly always. Software KVM can't switch them on at CPL 3.
    @Test(.enabled(if: !TestMachine.isSoftware, "software KVM: runs in an emulated host"))
    func interruptsDisturbNothing() throws {
        let agent = try makeAgent(.user)
        // 2 ms: a host that needs longer than that for an interrupt leaves the guest no time.
        #expect(try agent.tell(.timer, 2_000_000).trap == nil)
        var count: UInt64 = 0
        for _ in 0..<1000 where count <= 50 {
            try checkCrossing(agent, at: Self.hole.lowerBound)
            count = try agent.tell(.timerCount).value
        }
        #expect(count > 50)
        try check(agent, Deed(.store, Self.hole.lowerBound, 8), .write(Self.hole.lowerBound, size: 8), isBehind: false)
        #expect(try agent.tell(.timerCount).value > count, "they go on")
    }

    // MARK: The region's ends

    @Test(arguments: [GuestAgent.Level.kernel, .user])
    func theRegionEndsWhereItEnds(_ level: GuestAgent.Level) throws {
        let agent = try GuestAgent(level, devices: [Self.device], plugging: [])
        let end = Self.start + Self.device.size
        // No memory, and no region.
        #expect(try agent.tell(.load, Self.start - 1, 1).value == 0xFF)
        #expect(try agent.tell(.load, end, 8).value == .max)
        #expect(try agent.tell(.store, end, 8, 1).trap == nil)
        #expect(agent.violations == [])
        try agent.post(.load, end - 1, 1)
        #expect(try agent.violation(after: 0).access == .read(end - 1, size: 1))
        try agent.machine.reset()
        try agent.machine.resume()
        #expect(agent.violations.count == 1)
        try agent.expectContained()
    }

    @Test(arguments: [Deed(.load, GuestAgent.start, 1), Deed(.store, GuestAgent.start, 8, 1)])
    func theFirstByteIsWatchedWithoutASlot(_ deed: Deed) throws {
        let agent = try GuestAgent(.user, devices: [Self.device], plugging: [])
        try agent.post(deed.operation, deed.a, deed.b, deed.c)
        let violation = try agent.violation(after: 0)
        #expect(
            violation.access
                == (deed.operation == .load ? .read(Self.start, size: 1) : .write(Self.start, size: 8)))
        #expect(violation.isBehind == (deed.operation == .store))
        // The VMM carries out what KVM has left to it.
        try agent.change(0..<1, isPlugged: true)
        try agent.machine.resume()
        #expect(try agent.answer()?.trap == nil)
        #expect(try agent.peek(2, at: Self.start) == [deed.operation == .load ? 0 : 1, 0])
    }
}
