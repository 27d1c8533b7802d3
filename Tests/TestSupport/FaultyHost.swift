import Host
import SystemPackage

import GuestMemory

/// The host calls of a region, one of which fails: all calls are numbered, those for memory and those for slots
/// together.
package final class FaultyHost: HostMemory, MemorySlots, @unchecked Sendable {
    // Sendable: each test uses its own on one thread.

    /// What a call that fails has done by then.
    package enum Progress: CaseIterable {
        case nothing
        /// The first half of the range.
        case half
        case all
    }

    /// Which calls fail, and how.
    package struct Fault {
        package var calls: Range<Int>
        package var errno: Errno
        package var progress: Progress

        package init(calls: Range<Int>, errno: Errno, progress: Progress = .nothing) {
            self.calls = calls
            self.errno = errno
            self.progress = progress
        }
    }

    private let region: GuestMemoryRegion
    package private(set) var calls = 0
    package var fault: Fault?
    package private(set) var live: [SlotNumber: Range<UInt64>] = [:]
    private var nextSlot: SlotNumber = 0

    package init(_ region: GuestMemoryRegion) {
        self.region = region
    }

    package func protect(_ range: Range<UInt64>, _ protection: MemoryMapping.Protection) throws(SystemCallError) {
        try call("mprotect", range) { (range) throws(SystemCallError) in try region.protect(range, protection) }
    }

    package func discard(_ range: Range<UInt64>) throws(SystemCallError) {
        try call("madvise", range) { (range) throws(SystemCallError) in try region.discard(range) }
    }

    package func populate(_ range: Range<UInt64>) throws(SystemCallError) {
        try call("madvise", range) { (range) throws(SystemCallError) in try region.populate(range) }
    }

    package func protections(of range: Range<UInt64>) throws(SystemCallError) -> [MemoryMapping.ProtectionRun] {
        try region.protections(of: range)
    }

    package func residentSize(of range: Range<UInt64>) throws(SystemCallError) -> UInt64 {
        try region.residentSize(of: range)
    }

    package func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError)
        -> SlotNumber
    {
        try callSlots()
        nextSlot += 1
        live[nextSlot] = offset..<offset + size
        return nextSlot
    }

    package func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try callSlots()
        live[number] = nil
    }

    private func callSlots() throws(MemorySlotError) {
        defer { calls += 1 }
        if let fault, fault.calls.contains(calls) {
            throw .call(SystemCallError("KVM_SET_USER_MEMORY_REGION", fault.errno))
        }
    }

    private func call(
        _ name: String, _ range: Range<UInt64>, _ body: (Range<UInt64>) throws(SystemCallError) -> Void
    ) throws(SystemCallError) {
        defer { calls += 1 }
        guard let fault, fault.calls.contains(calls) else { return try body(range) }
        let middle = range.lowerBound + (range.upperBound - range.lowerBound) / 2 / hostPageSize * hostPageSize
        switch fault.progress {
        case .nothing: break
        case .half where middle > range.lowerBound: try body(range.lowerBound..<middle)
        case .half: break
        case .all: try body(range)
        }
        throw SystemCallError(name, fault.errno)
    }
}
