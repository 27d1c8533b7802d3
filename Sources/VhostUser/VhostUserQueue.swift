import SystemPackage

/// A queue that a back-end is to serve.
public struct VhostUserQueue: Sendable {
    public let index: Int
    /// Descriptors.
    public let size: UInt16
    /// Guest-physical addresses.
    public let descriptorTable: UInt64
    public let availableRing: UInt64
    public let usedRing: UInt64
    /// The event by which the guest tells of new buffers.
    public let kick: FileDescriptor
    /// The event that interrupts the guest.
    public let call: FileDescriptor

    public init(
        index: Int, size: UInt16, descriptorTable: UInt64, availableRing: UInt64, usedRing: UInt64,
        kick: FileDescriptor, call: FileDescriptor
    ) {
        self.index = index
        self.size = size
        self.descriptorTable = descriptorTable
        self.availableRing = availableRing
        self.usedRing = usedRing
        self.kick = kick
        self.call = call
    }
}
