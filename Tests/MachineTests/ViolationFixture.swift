import Configuration
import Glibc
import GuestMemory
import Host
import Testing

@testable import Machine

extension GuestAgent {
    /// An agent whose driver has started, with all of the regions mapped and some blocks plugged.
    convenience init(
        _ level: Level, devices: [MemoryDevice], plugging blocks: [Range<UInt64>], memory: UInt64 = .mebibytes(2),
        processors: ProcessorTopology = 1, features: UInt64 = 2
    ) throws {
        try self.init(
            level,
            configuration: MachineConfiguration(
                processors: processors, memory: memory, memoryDevices: devices))
        try machine.resume()
        for (index, device) in try machine.memoryDevices().enumerated() {
            try tell(.startDevice, UInt64(index), features)
            // With what lies around them.
            try tell(.map, device.address - (2 << 20), device.address - (2 << 20), device.regionSize + (4 << 20))
        }
        let start = try machine.memoryDevices()[0].address
        for range in blocks {
            let count = range.upperBound - range.lowerBound
            let answer = try tell(.request, 0, start + range.lowerBound * Self.blockSize, count)
            #expect(answer.value == 0, "plugged")
        }
    }

    // MARK: The host's view

    /// Plugs blocks of a device, or unplugs them, as if a driver had asked for it.
    func change(_ blocks: Range<Int>, isPlugged: Bool, device: Int = 0) throws {
        try machine.call { core in
            core.hardware.memoryDevices[device].transport.withDevice { device in
                do throws(ElasticRegionError) {
                    isPlugged ? try device.region.plug(blocks) : try device.region.unplug(blocks)
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
    }

    /// Writes the guest's memory.
    func poke(_ bytes: [UInt8], at address: UInt64) throws {
        try machine.call { core in
            #expect(throws: Never.self) { try core.hardware.memory.write(bytes, at: GuestAddress(address)) }
        }
    }

    func peek(_ count: Int, at address: UInt64) throws -> [UInt8]? {
        try machine.call { core in try? core.hardware.memory.read(count, at: GuestAddress(address)) }
    }

    /// Checks that no unplugged block is accessible or takes memory, and that slots are as they should be.
    func expectContained(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let problems: [String] = try machine.call { core in
            core.hardware.memoryDevices.flatMap { device in
                device.transport.withDevice { (try? $0.region.inconsistencies()) ?? ["it can't be told"] }
            }
        }
        #expect(problems == [], sourceLocation: sourceLocation)
    }

    // MARK: Events

    var violations: [MemoryViolation] {
        test.events.compactMap { if case .violation(let violation) = $0 { violation } else { nil } }
    }

    /// Waits for a violation after so many.
    func violation(
        after count: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> MemoryViolation {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
        while violations.count <= count, .now() < deadline { usleep(500) }
        guard violations.count > count else {
            Issue.record(
                "no violation; events \(test.events.suffix(3)), output \(try test.outputBytes(0).suffix(24))",
                sourceLocation: sourceLocation)
            throw NoAnswer(operation: .status, output: [], events: test.events.suffix(3))
        }
        return violations[count]
    }
}

/// An operation of the agent, with what it is told.
struct Deed: Sendable, CustomTestStringConvertible {
    let operation: GuestAgent.Operation
    var (a, b, c): (UInt64, UInt64, UInt64)

    init(_ operation: GuestAgent.Operation, _ a: UInt64, _ b: UInt64 = 0, _ c: UInt64 = 0) {
        self.operation = operation
        (self.a, self.b, self.c) = (a, b, c)
    }

    var testDescription: String { "\(operation) \(String(a, radix: 16)) \(String(b, radix: 16)) \(c)" }
}
