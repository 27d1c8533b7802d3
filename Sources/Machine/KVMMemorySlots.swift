import GuestMemory
import Host
import KVM

/// Memory slots of a virtual machine, numbered by what is free. It belongs to the event loop's thread.
final class KVMMemorySlots: MemorySlots {
    /// A live slot.
    struct Slot {
        /// Name of the region that it is a part of.
        let name: String
        let start: UInt64
        /// In bytes.
        let size: UInt64
    }

    private let vm: KVMVirtualMachine
    private let limit: Int
    private(set) var live: [SlotNumber: Slot] = [:]
    private var free: [SlotNumber] = []
    private var next: SlotNumber = 0

    /// - Parameter limit: how many slots KVM has for a machine.
    init(vm: KVMVirtualMachine, limit: Int) {
        self.vm = vm
        self.limit = limit
    }

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        let number = free.last ?? next
        guard Int(number) < limit else { throw .exhausted(limit: limit) }
        let start = region.start.rawValue + offset
        do {
            try vm.setUserMemoryRegion(
                slot: number, guestAddress: start, size: size, hostAddress: region.hostAddress + offset)
        } catch {
            throw .call(error)
        }
        if free.popLast() == nil {
            next += 1
        }
        live[number] = Slot(name: region.name, start: start, size: size)
        return number
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        guard let slot = live[number] else { return }
        do {
            try vm.setUserMemoryRegion(slot: number, guestAddress: slot.start, size: 0, hostAddress: 0)
        } catch {
            throw .call(error)
        }
        live[number] = nil
        free.append(number)
    }
}
