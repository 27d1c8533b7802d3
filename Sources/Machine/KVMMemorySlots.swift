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
        fileprivate let hostAddress: UInt64

        var addresses: Range<UInt64> { start..<start + size }

        fileprivate func part(_ addresses: Range<UInt64>) -> Slot {
            Slot(
                name: name, start: addresses.lowerBound, size: addresses.upperBound - addresses.lowerBound,
                hostAddress: hostAddress + (addresses.lowerBound - start))
        }
    }

    private struct State {
        /// By number; nil are the free ones.
        var slots: [Slot?] = []
        var free: [SlotNumber] = []
        /// Those of the live ones that KVM has not taken back yet.
        var missing: Set<SlotNumber> = []
    }

    private let vm: KVMVirtualMachine
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: how many slots KVM has for a machine.
    init(vm: KVMVirtualMachine, limit: Int) {
        self.vm = vm
        self.limit = limit
    }

    /// The live slots, by number.
    var live: [Slot] {
        state.withLock { $0.slots.compactMap(\.self) }
    }

    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber {
        try state.withLock { (state) throws(MemorySlotError) in
            let number = state.free.last ?? SlotNumber(state.slots.count)
            guard Int(number) < limit else { throw .exhausted(limit: limit) }
            let slot = Slot(
                name: region.name, start: region.start.rawValue + offset, size: size,
                hostAddress: region.hostAddress + offset)
            try set(number, to: slot)
            if state.free.popLast() == nil {
                state.slots.append(slot)
            } else {
                state.slots[Int(number)] = slot
            }
            return number
        }
    }

    func removeSlot(_ number: SlotNumber) throws(MemorySlotError) {
        try state.withLock { (state) throws(MemorySlotError) in
            guard Int(number) < state.slots.count, let slot = state.slots[Int(number)] else { return }
            if state.missing.remove(number) == nil {
                try remove(number, slot)
            }
            state.slots[Int(number)] = nil
            state.free.append(number)
        }
    }

    private func set(_ number: SlotNumber, to slot: Slot) throws(MemorySlotError) {
        try change(number, start: slot.start, size: slot.size, hostAddress: slot.hostAddress)
    }

    private func remove(_ number: SlotNumber, _ slot: Slot) throws(MemorySlotError) {
        try change(number, start: slot.start, size: 0, hostAddress: 0)
    }

    private func change(
        _ number: SlotNumber, start: UInt64, size: UInt64, hostAddress: UInt64
    ) throws(MemorySlotError) {
        do {
            try vm.setUserMemoryRegion(slot: number, guestAddress: start, size: size, hostAddress: hostAddress)
        } catch {
            throw .call(error)
        }
    }
}

// MARK: Holes

extension KVMMemorySlots {
    /// Takes ranges of guest-physical addresses away while something is done, without the guest: each live slot that
    /// holds a part of them is replaced by slots for the rest of it.
    ///
    /// - Parameter holes: multiples of the page size, in order, without overlaps.
    /// - Throws: `MemorySlotError`; all slots are as before, but for what `restore()` still has to bring back.
    func leavingOut<Result>(
        _ holes: [Range<UInt64>], _ body: () -> Result
    ) throws(MemorySlotError) -> Result {
        let replacement = try state.withLock { (state) throws(MemorySlotError) in
            try open(holes, in: &state)
        }
        let result = body()
        try state.withLock { (state) throws(MemorySlotError) in
            try close(replacement, in: &state)
        }
        return result
    }

    /// Brings back the slots that KVM would not take back when it was asked before.
    func restore() throws(MemorySlotError) {
        try state.withLock { (state) throws(MemorySlotError) in
            try restore(in: &state)
        }
    }

    /// Slots that stand for others for a while.
    private struct Replacement {
        var temporary: [(number: SlotNumber, slot: Slot)] = []
    }

    private func open(_ holes: [Range<UInt64>], in state: inout State) throws(MemorySlotError) -> Replacement {
        var replacement = Replacement()
        do throws(MemorySlotError) {
            var (free, next) = (state.free, SlotNumber(state.slots.count))
            for (index, slot) in state.slots.enumerated() {
                guard let slot, holes.contains(where: { $0.overlaps(slot.addresses) }) else { continue }
                try remove(SlotNumber(index), slot)
                state.missing.insert(SlotNumber(index))
                for addresses in slot.addresses.subtracting(holes) {
                    let number = free.popLast() ?? next
                    guard Int(number) < limit else { throw .exhausted(limit: limit) }
                    next = max(next, number + 1)
                    let part = slot.part(addresses)
                    try set(number, to: part)
                    replacement.temporary.append((number, part))
                }
            }
        } catch {
            try close(replacement, in: &state)
            throw error
        }
        return replacement
    }

    private func close(_ replacement: Replacement, in state: inout State) throws(MemorySlotError) {
        for (number, slot) in replacement.temporary {
            try remove(number, slot)
        }
        try restore(in: &state)
    }

    private func restore(in state: inout State) throws(MemorySlotError) {
        for number in state.missing {
            if let slot = state.slots[Int(number)] {
                try set(number, to: slot)
            }
            state.missing.remove(number)
        }
    }
}

extension Range<UInt64> {
    /// What is left of a range without others, which are in order.
    func subtracting(_ holes: [Range<UInt64>]) -> [Range<UInt64>] {
        var rest: [Range<UInt64>] = []
        var start = lowerBound
        for hole in holes where hole.overlaps(self) {
            if start < hole.lowerBound {
                rest.append(start..<hole.lowerBound)
            }
            start = Swift.max(start, hole.upperBound)
        }
        if start < upperBound {
            rest.append(start..<upperBound)
        }
        return rest
    }
}
