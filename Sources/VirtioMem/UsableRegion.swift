/// How much of its region a memory device lets the guest use: more than is requested, so that the guest can choose
/// where to plug, but not all of it, so that a small machine does not prepare for a huge one.
enum UsableRegion {
    /// Linux plugs whole memory blocks of 128 MiB: two of them leave room to choose.
    private static let margin: UInt64 = 256 << 20
    /// The largest memory block that Linux chooses on machines with much memory.
    private static let granularity: UInt64 = 2 << 30

    /// The usable size in bytes for a requested size, at most the region's size.
    static func size(requested: UInt64, region: UInt64) -> UInt64 {
        let (wanted, overflow) = requested.addingReportingOverflow(margin + granularity - 1)
        return overflow ? region : min(wanted & ~(granularity - 1), region)
    }
}
