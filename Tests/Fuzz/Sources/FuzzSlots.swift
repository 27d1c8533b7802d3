import GuestMemory
import Host
import Synchronization

/// Memory slots that fail when the input says so.
final class FuzzSlots: MemorySlots {
    private struct State {
        var live: [SlotNumber: Range<UInt64>] = [:]
        var next: SlotNumber = 0
        /// Which of the next calls fail, the lowest bit first.
        var failures: UInt8 = 0
    }

    private let state = Mutex(State())

    /// Offsets in the region.
    var live: [Range<UInt64>] { state.withLock { $0.live.values.sorted { $0.lowerBound < $1.lowerBound } } }

    func failNext(_ failures: UInt8) {
        state.withLock { $0.failures = failures }
    }

    /// The virtual machine is gone.
    func forgetAll() {
        state.withLock { $0.live = [:] }
    }

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        try state.withLock { (state) throws(MemorySlotError) in
            try Self.fail(&state)
            let range = offset..<offset + size
            require(range.upperBound <= region.size, "slots lie in the region")
            require(!state.live.values.contains { $0.overlaps(range) }, "slots do not overlap")
            state.next += 1
            state.live[state.next] = range
            return state.next
        }
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try state.withLock { (state) throws(MemorySlotError) in
            try Self.fail(&state)
            require(state.live.removeValue(forKey: number) != nil, "only live slots are removed")
        }
    }

    private static func fail(_ state: inout State) throws(MemorySlotError) {
        defer { state.failures >>= 1 }
        if state.failures & 1 != 0 { throw .call(SystemCallError("KVM_SET_USER_MEMORY_REGION", .noMemory)) }
    }
}
