import GuestMemory
import Synchronization

/// Memory slots of a virtual machine that back-ends of devices learn of: a back-end has the memory before the guest does,
/// and loses it after that.
final class SharedMemorySlots: MemorySlots {
    private let slots: any MemorySlots
    private let sharing: MemorySharing
    private let places = Mutex<[SlotNumber: (region: GuestMemoryRegion, offset: UInt64)]>([:])

    init(_ slots: any MemorySlots, sharing: MemorySharing) {
        self.slots = slots
        self.sharing = sharing
    }

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        try sharing.add(region, offset: offset)
        do throws(MemorySlotError) {
            let number = try slots.addSlot(in: region, offset: offset, size: size)
            places.withLock { $0[number] = (region, offset) }
            return number
        } catch {
            sharing.remove(region, offset: offset)
            throw error
        }
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try slots.removeSlot(number)
        guard let place = places.withLock({ $0.removeValue(forKey: number) }) else { return }
        sharing.remove(place.region, offset: place.offset)
    }
}
