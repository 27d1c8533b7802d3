import Host

/// A region of guest memory whose pages the host takes back while the guest has them, when it says that it does not
/// need what they hold.
public protocol ReclaimablePart: Sendable {
    /// The addresses, and the memory behind them.
    var memory: GuestMemoryRegion { get }

    /// Gives the memory of the guest's pages in a range back to the host; they read as zero afterwards. What the guest
    /// does not have of it now, and what is to stay populated, is left alone.
    ///
    /// - Parameter range: offsets in bytes from the region's start, multiples of its backing's pages.
    /// - Throws: `SystemCallError` where the host does not take it.
    func reclaim(_ range: Range<UInt64>) throws(SystemCallError)
}

extension ElasticRegion {
    /// Gives the memory of plugged blocks in a range back to the host, as `ReclaimablePart` has it. Unplugged blocks are
    /// with the host already, and out of everybody's reach.
    public func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
        precondition(range.upperBound <= memory.size, "outside of the region")
        guard !populates, !range.isEmpty else { return }
        let blocks = Int(range.lowerBound / blockSize)..<Int((range.upperBound - 1) / blockSize) + 1
        for run in pluggedRuns(in: blocks) {
            try host.discard(bytes(of: run).clamped(to: range))
        }
    }
}
