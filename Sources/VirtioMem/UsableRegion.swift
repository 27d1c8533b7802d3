/// How much of its region a memory device lets the guest use: more than is requested, so that the guest can choose
/// where to plug, but not all of it, so that a small machine does not prepare for a huge one.
enum UsableRegion {
    /// Linux plugs whole memory blocks of 128 MiB: two of them leave room to choose.
    private static let margin: UInt64 = 256 << 20
    /// The largest memory block that Linux chooses on machines with much memory.
    private static let granularity: UInt64 = 2 << 30

    /// The usable size in bytes for a requested size: whole blocks, at most the region's size.
    ///
    /// - Parameter blockSize: bytes, a power of two; the region is a multiple of it.
    static func size(requested: UInt64, region: UInt64, blockSize: UInt64) -> UInt64 {
        let unit = max(granularity, blockSize)
        let (wanted, overflow) = requested.addingReportingOverflow(margin + unit - 1)
        return overflow ? region : min(wanted & ~(unit - 1), region)
    }
}
