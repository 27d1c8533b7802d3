import GuestMemory
import Host
import KVM
import Synchronization

/// Memory slots of a virtual machine, numbered by what is free.
final class KVMMemorySlots: MemorySlots {
    /// A live slot.
    struct Slot: Sendable {
        /// Name of the region that it is a part of.
        let name: String
        let start: UInt64
        /// In bytes.
        let size: UInt64
    }

    private struct State {
        var live: [SlotNumber: Slot] = [:]
        var free: [SlotNumber] = []
        var next: SlotNumber = 0
    }

    private let vm: KVMVirtualMachine
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: how many slots KVM has for a machine.
    init(vm: KVMVirtualMachine, limit: Int) {
        self.vm = vm
        self.limit = limit
    }

    /// The live slots, in no order.
    var live: [Slot] {
        state.withLock { Array($0.live.values) }
    }

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        try state.withLock { (state) throws(MemorySlotError) in
            let number = state.free.last ?? state.next
            guard Int(number) < limit else { throw .exhausted(limit: limit) }
            let start = region.start.rawValue + offset
            try change(slot: number, start: start, size: size, hostAddress: region.hostAddress + offset)
            if state.free.popLast() == nil {
                state.next += 1
            }
            state.live[number] = Slot(name: region.name, start: start, size: size)
            return number
        }
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try state.withLock { (state) throws(MemorySlotError) in
            guard let slot = state.live[number] else { return }
            try change(slot: number, start: slot.start, size: 0, hostAddress: 0)
            state.live[number] = nil
            state.free.append(number)
        }
    }

    private func change(
        slot: SlotNumber, start: UInt64, size: UInt64, hostAddress: UInt64
    ) throws(MemorySlotError) {
        do {
            try vm.setUserMemoryRegion(slot: slot, guestAddress: start, size: size, hostAddress: hostAddress)
        } catch {
            throw .call(error)
        }
    }
}
