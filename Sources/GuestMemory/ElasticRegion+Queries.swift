/// What is where, for those who look at an access of the guest.
extension ElasticRegion {
    /// What the guest may do with a block.
    public enum BlockAccess: Sendable, Equatable {
        /// Read and write it.
        case plugged
        /// Read zeroes from it.
        case readable
        /// Nothing.
        case inaccessible
    }

    /// What the guest may do with the byte at an offset within the region.
    public func access(at offset: UInt64) -> BlockAccess {
        if map[Int(offset / blockSize)] { return .plugged }
        return offset < readableSize ? .readable : .inaccessible
    }

    /// How many of the region's memory slots are live.
    public var liveSlotCount: Int { slotTable.liveCount }

    /// The live memory slots that hold an unplugged block, as offsets in bytes, in order.
    public var slotsWithUnpluggedBlocks: [Range<UInt64>] {
        (0..<slotTable.count).compactMap { index in
            let range = slotTable.range(of: index)
            guard slotTable.isLive(index), slotTable.pluggedSize(of: index) < range.upperBound - range.lowerBound else {
                return nil
            }
            return range
        }
    }

    /// The runs of unplugged blocks in a range of whole blocks, as offsets in bytes, in order.
    public func unpluggedRanges(in bytes: Range<UInt64>) -> [Range<UInt64>] {
        unpluggedRuns(in: Int(bytes.lowerBound / blockSize)..<Int(bytes.upperBound / blockSize))
            .map { self.bytes(of: $0) }
    }
}
