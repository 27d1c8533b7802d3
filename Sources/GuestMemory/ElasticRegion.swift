import Host

/// A region of guest memory whose blocks are plugged and unplugged one by one: the only place that knows which are.
///
/// A plugged block is accessible and lies in a live memory slot. An unplugged one is out of reach, for the guest as for
/// the VMM, from the moment that `unplug` returns, and its memory is back with the host. Slots cover several blocks
/// each; those without a plugged block are removed by `maintain()`, later, since a guest often plugs and unplugs
/// within the same slot again and again.
///
/// It belongs to one thread.
public final class ElasticRegion {
    /// The guest-physical addresses and the memory behind them.
    public let memory: GuestMemoryRegion
    /// Bytes, a power of two.
    public let blockSize: UInt64
    /// How many first bytes can be read as zero where they are unplugged; 0 for none.
    public internal(set) var readableSize: UInt64 = 0
    /// Why the host did not take unplugged memory back when it was last asked; nil when it has all of it.
    public internal(set) var discardFailure: SystemCallError?

    let host: any HostMemory
    let budget: MappingBudget
    weak var slots: (any MemorySlots)?
    var map: BlockMap
    private var totalPluggedBlocks: UInt64 = 0
    var slotTable: RegionSlots
    /// Unplugged blocks whose memory the host would not take back yet.
    var undiscarded: [Range<Int>] = []
    /// Blocks whose protection the host would not set right yet.
    var unrestored: [Range<Int>] = []
    let populates: Bool
    /// Whether other processes may write to unplugged blocks.
    let hasOtherWriters: Bool
    /// Mappings that are taken from the budget for as long as the region lives.
    private var lastingMappings = 0

    /// Takes over a region of fresh memory, and makes it one without a plugged block.
    ///
    /// - Parameters:
    ///   - memory: its size is a multiple of the block size.
    ///   - blockSize: bytes, a power of two, at least the page size of what backs the memory.
    ///   - slotSize: bytes that a memory slot covers, a power of two and a multiple of the block size; nil for what
    ///     fits the region.
    ///   - slotLimit: how many slots it may have at most, where `slotSize` is nil.
    ///   - populates: whether plugging takes memory from the host for all of a block at once.
    ///   - hasOtherWriters: whether other processes have the memory, and may write to unplugged blocks: each block is
    ///     emptied before it is plugged.
    ///   - budget: what the regions of a process share.
    ///   - host: what its memory is changed by; nil for the region itself.
    /// - Throws: `SystemCallError` where the host refuses to protect the memory.
    public init(
        _ memory: GuestMemoryRegion, blockSize: UInt64, slotSize: UInt64? = nil, slotLimit: Int = .max,
        populates: Bool = false, hasOtherWriters: Bool = false, budget: MappingBudget = MappingBudget(),
        host: (any HostMemory)? = nil
    ) throws(SystemCallError) {
        let size = memory.size
        precondition(blockSize >= hostPageSize && blockSize & (blockSize - 1) == 0, "not a power of two")
        precondition(size % blockSize == 0, "not a multiple of the block size")
        let slotSize =
            slotSize ?? RegionSlots.defaultSize(region: size, blockSize: blockSize, limit: slotLimit)
        precondition(slotSize & (slotSize - 1) == 0 && slotSize >= blockSize, "not a power of two of blocks")
        self.memory = memory
        self.host = host ?? memory
        self.blockSize = blockSize
        self.populates = populates
        self.hasOtherWriters = hasOtherWriters
        self.budget = budget
        map = BlockMap(count: Int(size / blockSize))
        slotTable = RegionSlots(regionSize: size, slotSize: slotSize)
        try memory.mapping.joinLaterParts()
        try self.host.protect(0..<size, .inaccessible)
        try takeLastingMappings()
    }

    deinit {
        budget.giveBack(2 * map.runs + lastingMappings)
    }

    /// Linux joins no mappings of huge pages (`VM_DONTEXPAND`), so each block may end up in one of its own, whatever is
    /// plugged.
    private func takeLastingMappings() throws(SystemCallError) {
        guard memory.mapping.backing.pageSize > hostPageSize else { return }
        guard budget.take(map.count) else {
            throw SystemCallError(
                "mprotect", .noMemory,
                subject: "of \(memory.name) (\(map.count) blocks of huge pages may need more mappings than"
                    + " vm.max_map_count allows: give a larger block-size)")
        }
        lastingMappings = map.count
    }

    /// Says where slots are made from now on. No slot of this region may be live there.
    public func connect(to slots: any MemorySlots) {
        self.slots = slots
    }

    /// Forgets the live slots: the virtual machine that had them is gone.
    public func forgetSlots() {
        slotTable.forget()
    }

    /// Bytes that a memory slot covers, a power of two and a multiple of the block size.
    public var slotSize: UInt64 { slotTable.slotSize }

    /// Bytes of plugged blocks.
    public var pluggedSize: UInt64 { UInt64(map.plugged) * blockSize }

    /// Bytes that were ever plugged.
    public var totalPluggedSize: UInt64 { totalPluggedBlocks &* blockSize }

    /// Bytes that were ever unplugged.
    public var totalUnpluggedSize: UInt64 { totalPluggedSize &- pluggedSize }

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
        defer { checkInDebugBuilds(blocks) }
        // What is left of an earlier life must not come back.
        try discardLeftovers(in: blocks)
        try changeRuns(by: 1 - pluggedNeighbours(of: blocks)) { () throws(ElasticRegionError) in
            do throws(ElasticRegionError) {
                try makeAccessible(bytes(of: blocks))
            } catch {
                restoreProtection(of: blocks)
                // Where a slot was live already, the guest may have touched what it was not given.
                discard(blocks)
                throw error
            }
        }
        map.set(blocks, true)
        totalPluggedBlocks &+= UInt64(blocks.count)
        slotTable.plugged(bytes(of: blocks))
    }

    /// Unplugs blocks that are all plugged. The guest can't reach them any more when this returns.
    ///
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed then.
    public func unplug(_ blocks: Range<Int>) throws(ElasticRegionError) {
        precondition(map.plugged(in: blocks) == blocks.count, "not plugged")
        defer { checkInDebugBuilds(blocks) }
        try changeRuns(by: pluggedNeighbours(of: blocks) - 1) { () throws(ElasticRegionError) in
            do throws(SystemCallError) {
                try hide(bytes(of: blocks))
            } catch {
                // The host may have got part of the way; the blocks are still the guest's.
                restoreProtection(of: blocks)
                throw .host(error)
            }
        }
        map.set(blocks, false)
        slotTable.unplugged(bytes(of: blocks))
        discard(blocks)
    }

    /// Unplugs every block.
    ///
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed then.
    public func unplugAll() throws(ElasticRegionError) {
        defer { checkInDebugBuilds(0..<map.count) }
        do throws(SystemCallError) {
            try hide(0..<memory.size)
        } catch {
            restoreProtection(of: 0..<map.count)
            throw .host(error)
        }
        // Nothing is in pieces any more; what was written where it should not have been goes, too.
        let wrong = unrestored
        unrestored = []
        for blocks in wrong {
            discardUnplugged(in: blocks)
        }
        budget.giveBack(2 * map.runs)
        var next = 0
        while let run = map.nextPlugged(from: next) {
            map.set(run, false)
            slotTable.unplugged(bytes(of: run))
            discard(run)
            next = run.upperBound
        }
    }

    /// Populates and protects before it makes slots live: there must be no moment in which the guest sees more than it
    /// was given.
    private func makeAccessible(_ bytes: Range<UInt64>) throws(ElasticRegionError) {
        do throws(SystemCallError) {
            if !populates {
                try memory.mapping.checkRoom(forUpTo: pluggedSize + UInt64(bytes.count))
            }
            try host.protect(bytes, .readWrite)
            if populates {
                try host.populate(bytes)
            }
        } catch {
            throw .host(error)
        }
        try makeSlotsLive(for: bytes)
    }

    /// Slots that are live without a plugged block, because a later step failed, are removed by `maintain()`.
    func makeSlotsLive(for bytes: Range<UInt64>) throws(ElasticRegionError) {
        // Nearly always they are: nobody needs to be asked then.
        guard !slotTable.areLive(in: bytes) else { return }
        guard let slots else { throw .notConnected }
        do throws(MemorySlotError) {
            try slotTable.makeLive(bytes, of: memory, in: slots)
        } catch {
            throw .slot(error)
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

    func bytes(of blocks: Range<Int>) -> Range<UInt64> {
        UInt64(blocks.lowerBound) * blockSize..<UInt64(blocks.upperBound) * blockSize
    }
}
