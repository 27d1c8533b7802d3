import Host

/// What may be done later, or has to be tried again.
extension ElasticRegion {
    /// Whether `maintain()` has something to do.
    public var needsMaintenance: Bool {
        slotTable.idleCount > 0 || !undiscarded.isEmpty || !unrestored.isEmpty
    }

    /// Removes slots without a plugged block, offers memory to the host again that it did not take, and protects again
    /// what it would not protect. What fails stays to be done.
    public func maintain() {
        let wrong = unrestored
        unrestored = []
        let leftovers = undiscarded
        undiscarded = []
        discardFailure = nil
        for blocks in wrong where restoreProtection(of: blocks) {
            discardUnplugged(in: blocks)
        }
        for blocks in leftovers {
            discard(blocks)
        }
        if let slots {
            slotTable.removeIdle(from: slots)
        }
    }

    /// Bytes of unplugged blocks whose memory the host has not taken back yet.
    public var undiscardedSize: UInt64 {
        undiscarded.reduce(0) { sum, blocks in sum + UInt64(blocks.count) * blockSize }
    }

    /// Gives the memory of unplugged blocks back; what the host won't take is offered again later.
    func discard(_ blocks: Range<Int>) {
        do throws(SystemCallError) {
            try host.discard(bytes(of: blocks))
        } catch {
            discardFailure = error
            undiscarded.append(blocks)
        }
    }

    /// Whether unplugged blocks may hold something: the host would not take it back, the guest can reach them still, or
    /// another process can.
    func mayHoldLeftovers(_ blocks: Range<Int>) -> Bool {
        hasOtherWriters || undiscarded.contains { $0.overlaps(blocks) } || unrestored.contains { $0.overlaps(blocks) }
    }

    /// Makes sure that nothing of an earlier life is left in blocks.
    func discardLeftovers(in blocks: Range<Int>) throws(ElasticRegionError) {
        guard mayHoldLeftovers(blocks) else { return }
        do throws(SystemCallError) {
            try host.discard(bytes(of: blocks))
        } catch {
            discardFailure = error
            throw .host(error)
        }
        // Only what lies outside of the blocks is still to be done.
        undiscarded = undiscarded.flatMap { leftover in
            [
                leftover.lowerBound..<max(leftover.lowerBound, min(leftover.upperBound, blocks.lowerBound)),
                min(leftover.upperBound, max(leftover.lowerBound, blocks.upperBound))..<leftover.upperBound,
            ].filter { !$0.isEmpty }
        }
        if undiscarded.isEmpty {
            discardFailure = nil
        }
    }
}
