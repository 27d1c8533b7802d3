import GuestMemory
import Host
import Synchronization

/// The real memory of a region, whose host calls fail when the input says so.
final class FuzzHostMemory: HostMemory {
    private let region: GuestMemoryRegion
    /// What becomes of the next calls, two bits each, the lowest first: done, not done, done by half, done but said not
    /// to be.
    private let failures = Mutex<UInt16>(0)

    init(_ region: GuestMemoryRegion) {
        self.region = region
    }

    /// Whether the host takes whole regions away without fail: that leaves fewer mappings than there were.
    private let resets = Atomic<Bool>(false)

    /// Does something in which the host may refuse everything but protection.
    func whileResetting(_ body: () -> Void) {
        resets.store(true, ordering: .relaxed)
        body()
        resets.store(false, ordering: .relaxed)
    }

    func failNext(_ failures: UInt16) {
        self.failures.withLock { $0 = failures }
    }

    func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        if resets.load(ordering: .relaxed) { return try region.protect(range, protection) }
        try call("mprotect", range) { (range) throws(SystemCallError) in try region.protect(range, protection) }
    }

    func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        try call("madvise", range) { (range) throws(SystemCallError) in try region.discard(range) }
    }

    func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        try call("madvise", range) { (range) throws(SystemCallError) in try region.populate(range) }
    }

    func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        try region.protections(of: range)
    }

    func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        try region.residentSize(of: range)
    }

    private func call(
        _ name: String, _ range: Range<UInt64>, _ body: (Range<UInt64>) throws(SystemCallError) -> Void
    ) throws(SystemCallError) {
        let failure = failures.withLock { failures in
            defer { failures >>= 2 }
            return failures & 3
        }
        let middle = range.lowerBound + (range.upperBound - range.lowerBound) / 2 / hostPageSize * hostPageSize
        switch failure {
        case 1: break
        case 2 where middle > range.lowerBound: try body(range.lowerBound..<middle)
        case 2: break
        default: try body(range)
        }
        if failure != 0 { throw SystemCallError(name, .noMemory) }
    }
}
