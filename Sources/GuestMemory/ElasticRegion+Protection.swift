import Host

/// What the guest and the VMM may do with which bytes.
extension ElasticRegion {
    /// Lets unplugged blocks of the region's first bytes be read, as zeroes that take no memory, or takes that back:
    /// for a driver that was not told that they are inaccessible (virtio specification, 5.15.6.1: device requirements
    /// without VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE). They can't be written either way.
    ///
    /// - Parameter size: bytes, a multiple of the block size; 0 for none.
    /// - Throws: `ElasticRegionError` where the host can't do it now; nothing has changed then.
    public func setReadableWhenUnplugged(_ size: UInt64) throws(ElasticRegionError) {
        precondition(size <= memory.size && size % blockSize == 0, "not blocks of the region")
        guard size != readableSize else { return }
        let previous = readableSize
        let changed = Int(min(size, previous) / blockSize)..<Int(max(size, previous) / blockSize)
        defer { checkInDebugBuilds(changed) }
        readableSize = size
        do throws(ElasticRegionError) {
            try protectByMap(changed)
            if size > 0 {
                try makeSlotsLive(for: 0..<size)
            }
        } catch {
            readableSize = previous
            restoreProtection(of: changed)
            discardUnplugged(in: changed)
            throw error
        }
        slotTable.keep(size)
        if size < previous {
            discardUnplugged(in: changed)
        }
    }

    /// What was read as zero has left entries in page tables; what was written by mistake must not be seen again.
    func discardUnplugged(in blocks: Range<Int>) {
        for gap in unpluggedRuns(in: blocks) {
            discard(gap)
        }
    }

    /// Makes bytes inaccessible, or readable as zeroes where unplugged blocks are.
    func hide(_ bytes: Range<UInt64>) throws(SystemCallError) {
        let border = min(max(readableSize, bytes.lowerBound), bytes.upperBound)
        if bytes.lowerBound < border {
            try host.protect(bytes.lowerBound..<border, .zeroes)
        }
        if border < bytes.upperBound {
            try host.protect(border..<bytes.upperBound, .inaccessible)
        }
    }

    /// Gives blocks the protection that they should have by now, after a failure. Where that fails too, it is tried
    /// again later; until then the guest may write to unplugged blocks.
    ///
    /// - Returns: whether it was done.
    @discardableResult func restoreProtection(of blocks: Range<Int>) -> Bool {
        do {
            try protectByMap(blocks)
            return true
        } catch {
            unrestored.append(blocks)
            return false
        }
    }

    /// Protects each run of plugged blocks, and each gap.
    private func protectByMap(_ blocks: Range<Int>) throws(ElasticRegionError) {
        do throws(SystemCallError) {
            for run in pluggedRuns(in: blocks) {
                try host.protect(bytes(of: run), .readWrite)
            }
            for gap in unpluggedRuns(in: blocks) {
                try hide(bytes(of: gap))
            }
        } catch {
            throw .host(error)
        }
    }

    /// The runs of plugged blocks in a range.
    func pluggedRuns(in blocks: Range<Int>) -> some Sequence<Range<Int>> {
        sequence(state: blocks.lowerBound) { [map] next in
            guard let run = map.nextPlugged(from: next), run.lowerBound < blocks.upperBound else { return nil }
            next = run.upperBound
            return run.clamped(to: blocks)
        }
    }

    /// The runs of unplugged blocks in a range.
    func unpluggedRuns(in blocks: Range<Int>) -> some Sequence<Range<Int>> {
        sequence(state: blocks.lowerBound) { [map] next in
            while next < blocks.upperBound {
                let run = map.nextPlugged(from: next) ?? blocks.upperBound..<blocks.upperBound
                let gap = next..<min(run.lowerBound, blocks.upperBound)
                next = run.upperBound
                if !gap.isEmpty { return gap }
            }
            return nil
        }
    }
}
