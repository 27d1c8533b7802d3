/// The three parts of a split virtqueue (virtio specification, 2.7).
public enum VirtqueuePart: Sendable, Hashable, CaseIterable {
    case descriptorTable
    case availableRing
    case usedRing

    /// What the guest-physical address of its first byte must be a multiple of.
    public var alignment: UInt64 {
        switch self {
        case .descriptorTable: 16
        case .availableRing: 2
        case .usedRing: 4
        }
    }

    /// Its size in bytes in a queue of so many descriptors, with the fields of VIRTIO_F_EVENT_IDX.
    public func byteCount(queueSize: UInt16) -> UInt64 {
        switch self {
        case .descriptorTable: 16 * UInt64(queueSize)
        case .availableRing: 6 + 2 * UInt64(queueSize)
        case .usedRing: 6 + 8 * UInt64(queueSize)
        }
    }
}

extension VirtqueuePart: CustomStringConvertible {
    /// The specification's name for it.
    public var description: String {
        switch self {
        case .descriptorTable: "descriptor table"
        case .availableRing: "available ring"
        case .usedRing: "used ring"
        }
    }
}
