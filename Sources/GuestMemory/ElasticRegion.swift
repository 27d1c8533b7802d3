import Host
import SystemPackage

/// A region of guest memory whose blocks are plugged and unplugged one by one: the only place that knows which are.
///
/// A plugged block is accessible and lies in a live memory slot. An unplugged one is inaccessible (`PROT_NONE`, for the
/// guest as for the VMM) from the moment that `unplug` returns, and its memory is back with the host. Slots cover
/// several blocks each; those without a plugged block are removed by `maintain()`, later, since a guest often plugs
/// and unplugs within the same slot again and again.
///
/// It belongs to one thread.
public final class ElasticRegion {
    /// The guest-physical addresses and the memory behind them.
    public let memory: GuestMemoryRegion
    /// Bytes, a power of two.
    public let blockSize: UInt64
    /// Bytes that a memory slot covers, a power of two and a multiple of the block size.
    public let slotSize: UInt64

    private var map: BlockMap
    /// For each slot's range: its number where it is live.
    private var liveSlots: [MemorySlots.SlotNumber?]
    private weak var slots: (any MemorySlots)?
    private let budget: MappingBudget
    /// Unplugged blocks whose memory the host would not take back yet.
    private var undiscarded: [Range<Int>] = []

    /// KVM looks slots up and KVM_SET_USER_MEMORY_REGION copies all of them, so a region has at most this many.
    private static let mostSlots: UInt64 = 256
    /// Linux plugs by memory blocks of 128 MiB: smaller slots would only be more of them.
    private static let smallestSlot: UInt64 = 128 << 20

    /// Takes over a region of fresh memory, and makes it one without a plugged block.
    ///
    /// - Parameters:
    ///   - memory: its size is a multiple of the block size.
    ///   - blockSize: bytes, a power of two, at least the page size.
    ///   - budget: what the regions of a process share.
    /// - Throws: `SystemCallError` where the host refuses to protect the memory.
    public init(
        _ memory: GuestMemoryRegion, blockSize: UInt64, budget: MappingBudget = MappingBudget()
    ) throws(SystemCallError) {
        let size = memory.size
        precondition(blockSize >= hostPageSize && blockSize & (blockSize - 1) == 0, "not a power of two")
        precondition(size % blockSize == 0, "not a multiple of the block size")
        self.memory = memory
        // Memory that was touched once before it is split up can be joined again: with the first page populated, all
        // later parts share one anonymous VMA root, and plugging everything leaves a single mapping behind.
        try memory.mapping.touch(0)
        try memory.mapping.discard(0..<hostPageSize)
        try memory.mapping.protect(0..<size, .inaccessible)
        self.blockSize = blockSize
        self.budget = budget
        var slotSize = max(Self.smallestSlot, blockSize)
        while (size + slotSize - 1) / slotSize > Self.mostSlots {
            slotSize *= 2
        }
        self.slotSize = slotSize
        map = BlockMap(count: Int(size / blockSize))
        liveSlots = Array(repeating: nil, count: Int((size + slotSize - 1) / slotSize))
    }

    deinit {
        budget.giveBack(2 * map.runs)
    }

    /// Says where slots are made from now on. No slot of this region may be live there.
    public func connect(to slots: any MemorySlots) {
        self.slots = slots
    }

    /// Bytes of plugged blocks.
    public var pluggedSize: UInt64 { UInt64(map.plugged) * blockSize }

    /// Blocks in the whole region.
    public var blockCount: Int { map.count }

    /// How many of the blocks are plugged.
    public func pluggedBlocks(in blocks: Range<Int>) -> Int {
        map.plugged(in: blocks)
    }

    /// The plugged parts of the region, as offsets in bytes, in order; neighbours are joined.
    public var pluggedRanges: some Sequence<Range<UInt64>> {
        sequence(state: 0) { [map, blockSize] block in
            guard let run = map.nextPlugged(from: block) else { return nil }
            block = run.upperBound
            return UInt64(run.lowerBound) * blockSize..<UInt64(run.upperBound) * blockSize
        }
    }

    /// Plugs blocks that are all unplugged: they read as zero, and the guest can reach them.
    ///
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed for the guest then.
    public func plug(_ blocks: Range<Int>) throws(ElasticRegionError) {
        precondition(map.plugged(in: blocks) == 0, "plugged already")
        // What is left of an earlier life must not come back.
        try discardLeftovers(in: blocks)
        let bytes = self.bytes(of: blocks)
        try changeRuns(by: 1 - pluggedNeighbours(of: blocks)) { () throws(ElasticRegionError) in
            try makeAccessible(bytes)
        }
        map.set(blocks, true)
    }

    /// Protects before it makes slots live: there must be no moment in which the guest sees more than it was given.
    private func makeAccessible(_ bytes: Range<UInt64>) throws(ElasticRegionError) {
        try protect(bytes, .readWrite)
        do throws(ElasticRegionError) {
            try makeSlotsLive(for: bytes)
        } catch {
            // Slots that are live by now are empty ones, which maintain() removes.
            try? memory.mapping.protect(bytes, .inaccessible)
            // Where a slot was live already, the guest may have touched what it was not given.
            try? memory.mapping.discard(bytes)
            throw error
        }
    }

    /// Unplugs blocks that are all plugged. The guest can't reach them any more when this returns.
    ///
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed then.
    public func unplug(_ blocks: Range<Int>) throws(ElasticRegionError) {
        precondition(map.plugged(in: blocks) == blocks.count, "not plugged")
        let bytes = self.bytes(of: blocks)
        try changeRuns(by: pluggedNeighbours(of: blocks) - 1) { () throws(ElasticRegionError) in
            do throws(ElasticRegionError) {
                try protect(bytes, .inaccessible)
            } catch {
                // The host may have got part of the way; the blocks are still the guest's.
                try? memory.mapping.protect(bytes, .readWrite)
                throw error
            }
        }
        map.set(blocks, false)
        discard(blocks)
    }

    /// Unplugs every block.
    ///
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed then.
    public func unplugAll() throws(ElasticRegionError) {
        try protect(0..<memory.size, .inaccessible)
        budget.giveBack(2 * map.runs)
        var next = 0
        while let run = map.nextPlugged(from: next) {
            map.set(run, false)
            discard(run)
            next = run.upperBound
        }
    }

    /// Whether `maintain()` has something to do.
    public var needsMaintenance: Bool {
        !undiscarded.isEmpty || liveSlots.indices.contains { liveSlots[$0] != nil && isEmpty(slot: $0) }
    }

    /// Does what may be done later: removes slots without a plugged block, and offers memory to the host again that
    /// it did not take. What fails stays to be done.
    public func maintain() {
        let leftovers = undiscarded
        undiscarded = []
        for blocks in leftovers {
            discard(blocks)
        }
        guard let slots else { return }
        for index in liveSlots.indices {
            if let number = liveSlots[index], isEmpty(slot: index), (try? slots.removeSlot(number)) != nil {
                liveSlots[index] = nil
            }
        }
    }

    /// Forgets the live slots: the virtual machine that had them is gone.
    public func forgetSlots() {
        for index in liveSlots.indices {
            liveSlots[index] = nil
        }
    }

    private func protect(
        _ bytes: Range<UInt64>, _ protection: MemoryMapping.Protection
    ) throws(ElasticRegionError) {
        do throws(SystemCallError) {
            try memory.mapping.protect(bytes, protection)
        } catch {
            throw .host(error)
        }
    }

    /// How many of the two blocks next to a range are plugged.
    private func pluggedNeighbours(of blocks: Range<Int>) -> Int {
        let before = blocks.lowerBound > 0 && map[blocks.lowerBound - 1]
        let behind = blocks.upperBound < map.count && map[blocks.upperBound]
        return (before ? 1 : 0) + (behind ? 1 : 0)
    }

    /// Does something that makes that many more runs of plugged blocks, or fewer; each is a mapping, with its gap two.
    private func changeRuns(
        by change: Int, _ body: () throws(ElasticRegionError) -> Void
    ) throws(ElasticRegionError) {
        guard budget.take(2 * change) else { throw .tooFragmented }
        do throws(ElasticRegionError) {
            try body()
        } catch {
            budget.giveBack(2 * change)
            throw error
        }
    }

    private func makeSlotsLive(for bytes: Range<UInt64>) throws(ElasticRegionError) {
        guard let slots else { throw .notConnected }
        for index in Int(bytes.lowerBound / slotSize)...Int((bytes.upperBound - 1) / slotSize)
        where liveSlots[index] == nil {
            let offset = UInt64(index) * slotSize
            do {
                liveSlots[index] = try slots.addSlot(
                    in: memory, offset: offset, size: min(slotSize, memory.size - offset))
            } catch {
                throw .slot(error)
            }
        }
    }

    private func isEmpty(slot index: Int) -> Bool {
        let blocksPerSlot = Int(slotSize / blockSize)
        let first = index * blocksPerSlot
        return map.plugged(in: first..<min(first + blocksPerSlot, map.count)) == 0
    }

    private func discard(_ blocks: Range<Int>) {
        do {
            try memory.mapping.discard(bytes(of: blocks))
        } catch {
            undiscarded.append(blocks)
        }
    }

    private func discardLeftovers(in blocks: Range<Int>) throws(ElasticRegionError) {
        guard undiscarded.contains(where: { $0.overlaps(blocks) }) else { return }
        do {
            try memory.mapping.discard(bytes(of: blocks))
        } catch {
            throw .host(error)
        }
        // Only what lies outside of the blocks is still to be done.
        undiscarded = undiscarded.flatMap { leftover in
            [
                leftover.lowerBound..<max(leftover.lowerBound, min(leftover.upperBound, blocks.lowerBound)),
                min(leftover.upperBound, max(leftover.lowerBound, blocks.upperBound))..<leftover.upperBound,
            ].filter { !$0.isEmpty }
        }
    }

    private func bytes(of blocks: Range<Int>) -> Range<UInt64> {
        UInt64(blocks.lowerBound) * blockSize..<UInt64(blocks.upperBound) * blockSize
    }
}
