import Configuration
import Glibc
import GuestMemory
import Host

@testable import Machine

/// A machine whose guest plugs and unplugs at random when it is told to: see `Tests/Guests/shuffle.c`.
final class Shuffle {
    /// As in `shuffle.c`.
    struct Report {
        enum Problem: UInt64 {
            case none, notZero, foreign, answer, configuration
        }

        let problem: Problem
        let operation: UInt64
        let block: UInt64
        let found: UInt64
        let expected: UInt64
        let plugged: UInt64
        let refused: UInt64
        /// Offsets in the region.
        let pluggedRanges: [Range<UInt64>]
    }

    struct NoReport: Error {
        let output: [UInt8]
        let events: [MachineEvent]
    }

    static let blockSize: UInt64 = 64 << 10
    static let blockCount: UInt64 = 256
    private static let slotSize: UInt64 = 1 << 20
    private static let start: UInt64 = 4 << 30
    private static let reportSize = 8 * (7 + 16)

    private let test: TestMachine
    private var read = 0

    init(seed: UInt64) throws {
        let device = MemoryDevice(
            id: "vm0", size: Self.blockCount * Self.blockSize, blockSize: Self.blockSize, slotSize: Self.slotSize)
        test = try TestMachine(
            image: GuestCompiler.image(
                of: "shuffle", parameters: [Self.start, seed, Self.blockSize, Self.blockCount]),
            configuration: TestMachine.configuration(devices: [device]))
        try test.machine.resume()
    }

    /// Has the guest do so many operations, with that much requested, and waits for its report.
    func run(_ operations: UInt64, requested: UInt64) throws -> Report {
        try test.machine.setRequestedSize(requested, of: "vm0")
        try test.send([operations, requested].flatMap { number in (0..<8).map { UInt8(number >> (8 * $0) & 0xff) } })
        let bytes = try test.outputBytes(read + Self.reportSize, withinMilliseconds: 120_000).dropFirst(read)
        guard bytes.count == Self.reportSize else {
            throw NoReport(output: bytes.suffix(64), events: test.events.suffix(4))
        }
        read += Self.reportSize
        let words = stride(from: bytes.startIndex, to: bytes.endIndex, by: 8).map { first in
            (0..<8).reduce(0 as UInt64) { $0 | UInt64(bytes[first + $1]) << (8 * UInt64($1)) }
        }
        var ranges: [Range<UInt64>] = []
        for block in 0..<Self.blockCount where words[7 + Int(block / 64)] >> (block % 64) & 1 != 0 {
            let end = (block + 1) * Self.blockSize
            let joined = ranges.last?.upperBound == block * Self.blockSize ? ranges.removeLast().lowerBound : nil
            ranges.append((joined ?? block * Self.blockSize)..<end)
        }
        return Report(
            problem: Report.Problem(rawValue: words[0]) ?? .answer, operation: words[1], block: words[2],
            found: words[3], expected: words[4], plugged: words[5], refused: words[6], pluggedRanges: ranges)
    }

    private func ask<Value: Sendable>(_ question: @escaping @Sendable (ElasticRegion) -> Value) throws -> Value {
        try test.machine.call { core in
            core.hardware.memoryDevices[0].transport.withDevice { question($0.region) }
        }
    }

    /// What the device knows to be plugged, as offsets in the region.
    func pluggedRanges() throws -> [Range<UInt64>] {
        try ask { Array($0.pluggedRanges) }
    }

    /// What does not agree, in the region's own words; it asks the host.
    func inconsistencies() throws -> [String] {
        try ask { region in
            do {
                return try region.inconsistencies()
            } catch {
                return ["\(error)"]
            }
        }
    }

    func residentSize() throws -> UInt64? {
        try ask { try? $0.memory.mapping.residentSize(of: 0..<$0.memory.size) }
    }

    /// The live slots of the device, as offsets in the region.
    func slots() throws -> [Range<UInt64>] {
        try test.machine.memorySlots().filter { $0.name == "vm0" }.map {
            $0.addresses.lowerBound - Self.start..<$0.addresses.upperBound - Self.start
        }
    }

    /// Waits until nothing is left to be done later.
    func waitForMaintenance() throws {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: TestMachine.patience)
        while try ask({ $0.needsMaintenance }), .now() < deadline { usleep(20_000) }
    }
}
