import GuestMemory
import Synchronization

/// Slots that only remember what is live, and fail when they are told to.
package final class FakeMemorySlots: MemorySlots {
    private struct State {
        var live: [SlotNumber: Range<UInt64>] = [:]
        var failure: MemorySlotError?
        var next: SlotNumber = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Offsets in the region, by slot.
    package var live: [SlotNumber: Range<UInt64>] {
        state.withLock { $0.live }
    }

    /// What every call fails with; nil for none.
    package var failure: MemorySlotError? {
        get { state.withLock { $0.failure } }
        set { state.withLock { $0.failure = newValue } }
    }

    package func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError)
        -> SlotNumber
    {
        try state.withLock { (state) throws(MemorySlotError) in
            if let failure = state.failure { throw failure }
            state.next += 1
            state.live[state.next] = offset..<offset + size
            return state.next
        }
    }

    package func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try state.withLock { (state) throws(MemorySlotError) in
            if let failure = state.failure { throw failure }
            state.live[number] = nil
        }
    }

    /// The live ranges, as offsets in the region, by address.
    package var ranges: [Range<UInt64>] {
        live.values.sorted { $0.lowerBound < $1.lowerBound }
    }
}
