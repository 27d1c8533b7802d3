import Host
import VirtioMem

/// A memory device at a moment. All sizes are in bytes.
public struct MemoryDeviceStatus: Sendable, Equatable {
    public let id: String
    /// First guest-physical address of its region.
    public let address: UInt64
    /// The NUMA node of its memory.
    public let node: UInt32
    /// What the guest is asked to have plugged.
    public let requestedSize: UInt64
    /// What the guest has plugged.
    public let pluggedSize: UInt64
    /// The most that can be requested now without growing the usable region.
    public let usableSize: UInt64
    /// The most that can be plugged: the region's size.
    public let regionSize: UInt64
    public let blockSize: UInt64
}

/// A memory device at a moment, with all that tells how its guest follows the requested size.
public struct MemoryDeviceDetails: Sendable, Equatable {
    public let status: MemoryDeviceStatus
    /// What the driver does, and what holds it up.
    public let diagnosis: ResizeDiagnosis
    /// Bytes of unplugged memory that the host has not taken back yet, and why; it is tried again.
    public let undiscardedSize: UInt64
    public let discardFailure: SystemCallError?
}

/// A live memory slot: guest-physical addresses that the guest can reach as memory.
public struct MemorySlotStatus: Sendable, Equatable {
    /// The guest-physical addresses.
    public let addresses: Range<UInt64>
    /// `ram` for boot memory, else the id of a memory device.
    public let name: String
}
