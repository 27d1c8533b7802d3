import Configuration
import Host
import Testing

@testable import Machine

/// A hand-written driver plugs and unplugs at random through the real device, and finds in each block what it has
/// written there. What it believes to be plugged, the device's blocks, KVM's slots, the memory's protection and what is
/// resident agree.
@Suite(.needsKVM, .needsSpeed, .serialized) struct ShuffleTests {
    private static let operationsPerRound: UInt64 = 1000

    /// In debug builds the region compares itself with the host after each operation, too.
    @Test func tenThousandOperationsLoseNothing() throws {
        try shuffle(rounds: 10)
    }

    func shuffle(rounds: Int) throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        let comment: Comment = "seed \(seed)"
        let shuffle = try Shuffle(seed: seed)
        for round in 0..<rounds {
            // As much as there is, most of the time: else it is refused what goes beyond.
            let requested = Shuffle.blockCount / (round % 3 == 2 ? 2 : 1) * Shuffle.blockSize
            let report = try shuffle.run(Self.operationsPerRound, requested: requested)
            #expect(report.problem == .none, "\(comment), \(report)")
            guard report.problem == .none else { return }
            #expect(report.operation == UInt64(round + 1) * Self.operationsPerRound, comment)
            try expectAgreement(shuffle, report, comment)
        }
        // Slots that have no block any more go a little later, when there is nothing to do.
        try shuffle.waitForMaintenance()
        let slots = try shuffle.slots()
        let plugged = try shuffle.pluggedRanges()
        #expect(slots.allSatisfy { slot in plugged.contains { $0.overlaps(slot) } }, comment)
    }

    private func expectAgreement(_ shuffle: Shuffle, _ report: Shuffle.Report, _ comment: Comment) throws {
        let plugged = try shuffle.pluggedRanges()
        #expect(plugged == report.pluggedRanges, comment)
        #expect(plugged.reduce(0) { $0 + $1.upperBound - $1.lowerBound } == report.plugged, comment)
        #expect(try shuffle.inconsistencies() == [], comment)
        let slots = try shuffle.slots()
        for range in plugged {
            let covered = slots.reduce(0) { $0 + UInt64($1.clamped(to: range).count) }
            #expect(covered == UInt64(range.count), "\(comment), \(range) in \(slots)")
        }
        // Each page of each block was written to.
        #expect(try shuffle.residentSize() == report.plugged, comment)
    }
}

/// What `Tools/test --full` adds.
@Suite(.needsKVM, .needsSpeed, .serialized) struct FullShuffleTests {
    @Test(.enabled(if: environmentVariable("SWIFTLET_FULL") != nil, "only with Tools/test --full"))
    func aHundredThousandOperationsLoseNothing() throws {
        try ShuffleTests().shuffle(rounds: 100)
    }
}
