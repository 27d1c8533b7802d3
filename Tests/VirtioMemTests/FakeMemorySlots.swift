import GuestMemory

/// Slots that only remember what is live, and fail when they are told to.
final class FakeMemorySlots: MemorySlots {
    /// Offsets in the region, by slot.
    private(set) var live: [SlotNumber: Range<UInt64>] = [:]
    var failure: MemorySlotError?
    private var next: SlotNumber = 0

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        if let failure { throw failure }
        next += 1
        live[next] = offset..<offset + size
        return next
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        if let failure { throw failure }
        live[number] = nil
    }
}
