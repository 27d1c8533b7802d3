import GuestMemory
import Host

/// The host of a memory device's region: what a balloon gives back of it has to be plugged.
final class BalloonWatch: HostMemory, @unchecked Sendable {
    // Sendable: all of it is one thread's.
    private let memory: GuestMemoryRegion
    var region: ElasticRegion?
    private var isReclaiming = false

    init(_ memory: GuestMemoryRegion) {
        self.memory = memory
    }

    func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        try memory.protect(range, protection)
    }

    func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        if isReclaiming, let region {
            let blocks = Int(range.lowerBound / region.blockSize)...Int((range.upperBound - 1) / region.blockSize)
            require(
                region.pluggedBlocks(in: blocks.lowerBound..<blocks.upperBound + 1) == blocks.count,
                "nothing unplugged is touched: \(range)")
        }
        try memory.discard(range)
    }

    /// Gives back what a balloon names.
    func reclaim(_ range: Range<UInt64>) throws(SystemCallError) {
        isReclaiming = true
        defer { isReclaiming = false }
        try region?.reclaim(range)
    }

    func populate(_ range: Range<UInt64>) throws(SystemCallError) { try memory.populate(range) }

    func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        try memory.protections(of: range)
    }

    func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        try memory.residentSize(of: range)
    }
}
