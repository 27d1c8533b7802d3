import Host
import SystemPackage
import TestSupport
import Testing

@testable import GuestMemory

/// Every host call on the way of a plug or an unplug fails once, in every way: what was asked either happens or does
/// not, and the next try works.
@Suite struct HostFaultTests {
    private static let blockSize: UInt64 = 64 << 10
    private static let blockCount = 64

    /// Something that is done with a region.
    private enum Step: Equatable {
        case plug(Range<Int>)
        case unplug(Range<Int>)
        case unplugAll
        case readable(blocks: Int)
        case maintain
    }

    /// A region with slots of 16 blocks, and what a test believes to be plugged.
    private final class Setup {
        let memory: GuestMemory
        let region: ElasticRegion
        let host: FaultyHost
        var plugged: Set<Int> = []
        var readable = 0

        init(populates: Bool) throws {
            try GuestMemory.installProcessHandlers()
            // With blocks of less than a huge page, as machines make it.
            let part = try GuestMemoryRegion(
                name: "vm0", start: GuestAddress(1 << 32), size: UInt64(blockCount) * blockSize,
                backing: MemoryBacking(transparentHugePages: false))
            memory = GuestMemory(regions: [part])
            host = FaultyHost(part)
            region = try ElasticRegion(
                part, blockSize: blockSize, slotSize: 16 * blockSize, populates: populates, host: host)
            region.connect(to: host)
        }

        /// - Returns: whether it was done.
        func take(_ step: Step) -> Bool {
            do throws(ElasticRegionError) {
                switch step {
                case .plug(let blocks):
                    try region.plug(blocks)
                    plugged.formUnion(blocks)
                case .unplug(let blocks):
                    try region.unplug(blocks)
                    plugged.subtract(blocks)
                case .unplugAll:
                    try region.unplugAll()
                    plugged = []
                case .readable(let blocks):
                    try region.setReadableWhenUnplugged(UInt64(blocks) * blockSize)
                    readable = blocks
                case .maintain: region.maintain()
                }
                return true
            } catch {
                return false
            }
        }

        private func address(_ block: Int) -> GuestAddress {
            GuestAddress(memory.regions[0].start.rawValue + UInt64(block) * blockSize + 8)
        }

        /// Writes each plugged block's number into it.
        func mark() throws {
            for block in plugged { try memory.store(UInt64(block) + 1, at: address(block)) }
        }

        /// Compares what is plugged, what it holds, and what can be reached.
        func check(_ comment: Comment) throws {
            for block in 0..<blockCount {
                #expect(region.pluggedBlocks(in: block..<block + 1) == (plugged.contains(block) ? 1 : 0), comment)
                if plugged.contains(block) {
                    let value = try memory.loadUInt64(at: address(block))
                    #expect(value == UInt64(block) + 1 || value == 0, comment)
                    #expect(host.live.values.contains { $0.contains(UInt64(block) * blockSize) }, comment)
                } else if block < readable {
                    // The host may not have taken its memory back yet.
                    #expect(
                        try memory.loadUInt64(at: address(block)) == 0 || region.undiscardedSize > 0, comment)
                    #expect(throws: GuestMemoryError.self, comment) { try memory.store(UInt64(1), at: address(block)) }
                } else {
                    #expect(throws: GuestMemoryError.self, comment) { try memory.loadUInt64(at: address(block)) }
                }
            }
        }
    }

    private static let scenarios: [[Step]] = [
        [
            .plug(0..<4), .plug(14..<34), .unplug(2..<3), .unplug(14..<34), .maintain, .plug(1 + 1..<3), .unplugAll,
            .maintain,
        ],
        [
            .plug(8..<12), .readable(blocks: 32), .plug(20..<40), .unplug(30..<36), .readable(blocks: 0), .maintain,
            .unplugAll, .maintain,
        ],
        [.plug(0..<64), .unplug(10..<20), .unplug(40..<41), .plug(12..<14), .unplugAll, .plug(0..<2), .maintain],
    ]

    @Test(arguments: 0..<3, [false, true])
    func eachCallFailsOnce(scenario: Int, populates: Bool) throws {
        let steps = Self.scenarios[scenario]
        let undisturbed = try Setup(populates: populates)
        let first = undisturbed.host.calls
        for step in steps { #expect(undisturbed.take(step)) }
        let last = undisturbed.host.calls
        #expect(last - first >= 10)
        for call in first..<last {
            for errno in [Errno.noMemory, .interrupted, .fileExists, .noSpace] {
                try run(steps, populates, FaultyHost.Fault(calls: call..<call + 1, errno: errno))
            }
            for progress in [FaultyHost.Progress.half, .all] {
                let fault = FaultyHost.Fault(calls: call..<call + 1, errno: .noMemory, progress: progress)
                try run(steps, populates, fault)
            }
        }
    }

    /// A call that fails, and so does what should undo its effects: it is mended as soon as the host does its part.
    @Test(arguments: 0..<3)
    func severalCallsFailInARow(scenario: Int) throws {
        for call in 1..<40 {
            for progress in FaultyHost.Progress.allCases {
                let fault = FaultyHost.Fault(calls: call..<call + 5, errno: .noMemory, progress: progress)
                try run(Self.scenarios[scenario], false, fault)
            }
        }
    }

    private func run(_ steps: [Step], _ populates: Bool, _ fault: FaultyHost.Fault) throws {
        let setup = try Setup(populates: populates)
        setup.host.fault = fault
        for step in steps {
            let comment: Comment = "\(fault), \(step)"
            for attempt in 1... {
                let before = setup.plugged
                if setup.take(step) { break }
                #expect(setup.plugged == before, comment)
                #expect(setup.region.pluggedSize == UInt64(before.count) * Self.blockSize, comment)
                if attempt > fault.calls.count {
                    Issue.record("it never works again: \(comment)")
                    return
                }
            }
            if fault.calls.count == 1 {
                try setup.check(comment)
                try setup.mark()
            }
        }
        setup.host.fault = nil
        setup.region.maintain()
        try setup.check("\(fault), in the end")
        let problems = try setup.region.inconsistencies()
        #expect(problems == [], "\(fault)")
        #expect(setup.region.discardFailure == nil && !setup.region.needsMaintenance, "\(fault)")
        #expect(setup.region.undiscardedSize == 0)
    }

    @Test func aDiscardThatFailsIsKnownAndTriedAgain() throws {
        let setup = try Setup(populates: false)
        #expect(setup.take(.plug(0..<8)))
        try setup.mark()
        // Hiding works, discarding does not.
        setup.host.fault = FaultyHost.Fault(calls: setup.host.calls + 1..<setup.host.calls + 3, errno: .noMemory)
        #expect(setup.take(.unplug(2..<4)))
        #expect(setup.region.discardFailure == SystemCallError("madvise", .noMemory))
        #expect(setup.region.undiscardedSize == 2 * Self.blockSize)
        #expect(!setup.take(.plug(2..<3)), "its old contents must not come back")
        setup.region.maintain()
        #expect(setup.region.discardFailure == nil && setup.region.undiscardedSize == 0)
        #expect(setup.take(.plug(2..<4)))
        #expect(try setup.memory.loadUInt64(at: GuestAddress(1 << 32 + 2 * Self.blockSize + 8)) == 0)
    }

    /// What becomes of blocks that could not be plugged, and the host does not protect again for now.
    enum Meanwhile: CaseIterable {
        case nothing, maintain, maintainInVain, unplugAll
    }

    /// The guest may write to them as long as that lasts.
    @Test(arguments: Meanwhile.allCases)
    func whatWasWrittenToABlockThatWasNotPluggedIsGone(_ meanwhile: Meanwhile) throws {
        let setup = try Setup(populates: false)
        // Making the slot live fails, and so does protecting the block again.
        let failing = setup.host.calls + 1
        setup.host.fault = FaultyHost.Fault(calls: failing..<failing + 2, errno: .noMemory)
        #expect(!setup.take(.plug(3..<4)))
        setup.host.fault = nil
        if meanwhile == .maintainInVain {
            setup.host.fault = FaultyHost.Fault(calls: setup.host.calls..<setup.host.calls + 1, errno: .noMemory)
            setup.region.maintain()
            #expect(setup.region.needsMaintenance)
        }
        let address = GuestAddress(1 << 32 + 3 * Self.blockSize)
        try setup.memory.store(1 as UInt64, at: address)
        #expect(try setup.region.inconsistencies() == [], "it is known that it is not as it should be")
        if meanwhile == .unplugAll {
            #expect(setup.take(.unplugAll))
        } else if meanwhile != .nothing {
            setup.region.maintain()
            #expect(!setup.region.needsMaintenance)
        }
        if meanwhile != .nothing {
            #expect(throws: GuestMemoryError.self) { try setup.memory.loadUInt64(at: address) }
            #expect(try setup.host.residentSize(of: 0..<8 * Self.blockSize) == 0)
        }
        #expect(setup.take(.plug(3..<4)))
        #expect(try setup.memory.loadUInt64(at: address) == 0)
    }

    @Test func aPlugThatCanNotBePopulatedLeavesNothingBehind() throws {
        let setup = try Setup(populates: true)
        setup.host.fault = FaultyHost.Fault(
            calls: setup.host.calls + 1..<setup.host.calls + 2, errno: .noMemory, progress: .half)
        #expect(!setup.take(.plug(0..<8)))
        #expect(try setup.region.inconsistencies() == [])
        #expect(try setup.host.residentSize(of: 0..<8 * Self.blockSize) == 0)
        #expect(setup.take(.plug(0..<8)))
        #expect(try setup.host.residentSize(of: 0..<8 * Self.blockSize) == 8 * Self.blockSize)
    }
}
