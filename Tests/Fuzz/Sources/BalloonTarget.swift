import Devices
import GuestMemory
import Host

@testable import Virtio

/// The balloon, whose driver names any memory as the input says, beside a memory device whose blocks come and go.
final class BalloonTarget: FuzzTarget {
    /// What is given back of a region without blocks. It keeps what it holds, so that queues may be there.
    private struct Part: ReclaimablePart {
        let memory: GuestMemoryRegion

        func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
            require(
                range.lowerBound % hostPageSize == 0 && range.upperBound % hostPageSize == 0 && !range.isEmpty
                    && range.upperBound <= memory.size, "whole pages of the region: \(range)")
        }
    }

    /// What is given back of the memory device's region.
    private struct ElasticPart: ReclaimablePart {
        let memory: GuestMemoryRegion
        let watch: BalloonWatch

        func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
            try watch.reclaim(range)
        }
    }

    private let memory: FuzzMemory
    private let region: GuestMemoryRegion
    private let budget = MappingBudget(limit: 64)

    private static let blockSize: UInt64 = 64 << 10
    private static let blockCount = 64

    init() throws {
        region = try GuestMemoryRegion(
            name: "vm0", start: GuestAddress(FuzzMemory.elastic), size: UInt64(Self.blockCount) * Self.blockSize)
        memory = try FuzzMemory(with: [region])
    }

    func run(_ input: inout InputReader) {
        memory.reset()
        let (slots, watch) = (FuzzSlots(), BalloonWatch(region))
        let elastic = demand("elastic region") {
            try ElasticRegion(
                region, blockSize: Self.blockSize, slotSize: 4 * Self.blockSize, budget: budget, host: watch)
        }
        elastic.connect(to: slots)
        watch.region = elastic
        defer { watch.region = nil }
        let parts: [any ReclaimablePart] =
            memory.regions.map { Part(memory: $0) } + [ElasticPart(memory: region, watch: watch)]
        let device = VirtioBalloon(
            memory: ReclaimableMemory(parts), deflatesOnOutOfMemory: true, reportsFreePages: true)
        let test = TransportUnderTest(device, memory: memory, features: [1 << 0, 1 << 2, 1 << 5])
        while !input.isEmpty {
            test.step(&input) { test, input in
                let value = input.uint8()
                switch input.uint8() & 3 {
                case 0: change(elastic, block: Int(value) % Self.blockCount)
                case 1:
                    test.transport.withDevice { $0.setTarget(UInt32(value)) }
                    test.transport.configurationChanged()
                default:
                    // What is left over from a turn.
                    for index in 0..<5 where test.transport.withDevice({ $0.hasMore(queue: index) }) {
                        test.transport.processQueue(index)
                    }
                }
            }
        }
        demand("unplug") { try elastic.unplugAll() }
    }

    private func change(_ elastic: ElasticRegion, block: Int) {
        let blocks = block..<min(block + 3, Self.blockCount)
        switch elastic.pluggedBlocks(in: blocks) {
        case 0: try? elastic.plug(blocks)
        case blocks.count: try? elastic.unplug(blocks)
        default: break
        }
    }
}
