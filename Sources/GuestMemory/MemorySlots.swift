import SystemPackage
import Host

/// Where ranges of guest-physical addresses become memory that a guest can reach: KVM's memory slots, or a test's.
///
/// Whoever unplugs may be on another thread than whoever lists the slots.
public protocol MemorySlots: AnyObject, Sendable {
    /// Names a live slot.
    typealias SlotNumber = UInt32

    /// Makes a range live.
    ///
    /// - Parameters:
    ///   - offset: where the range begins in the region, in bytes.
    /// - Throws: `MemorySlotError`; nothing has changed then.
    func addSlot(in region: GuestMemoryRegion, offset: UInt64, size: UInt64) throws(MemorySlotError) -> SlotNumber

    /// Takes a range away from the guest.
    ///
    /// - Throws: `MemorySlotError`; the slot is still live then.
    func removeSlot(_ number: SlotNumber) throws(MemorySlotError)
}

/// Why a memory slot could not be added or removed.
public enum MemorySlotError: Error, Sendable, Equatable, CustomStringConvertible {
    /// All the slots that the host has for a VM are taken.
    case exhausted(limit: Int)
    case call(SystemCallError)
    /// Somebody who is to have the memory, too, does not take it.
    case refused(String)

    public var description: String {
        switch self {
        case .exhausted(let limit): "all \(limit) memory slots are taken"
        case .call(let error): error.description
        case .refused(let reason): reason
        }
    }
}
