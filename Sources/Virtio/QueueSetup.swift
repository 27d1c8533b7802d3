import GuestMemory

/// Where a driver put a queue, and how large it made it. Unchecked.
public struct QueueSetup: Sendable, Equatable {
    /// How many descriptors the queue has.
    public var size: UInt16
    /// Guest-physical address of the descriptor table ("Descriptor Area").
    public var descriptorTable: UInt64
    /// Guest-physical address of the available ring ("Driver Area").
    public var availableRing: UInt64
    /// Guest-physical address of the used ring ("Device Area").
    public var usedRing: UInt64

    public init(size: UInt16 = 0, descriptorTable: UInt64 = 0, availableRing: UInt64 = 0, usedRing: UInt64 = 0) {
        self.size = size
        self.descriptorTable = descriptorTable
        self.availableRing = availableRing
        self.usedRing = usedRing
    }

    func address(of part: VirtqueuePart) -> GuestAddress {
        switch part {
        case .descriptorTable: GuestAddress(descriptorTable)
        case .availableRing: GuestAddress(availableRing)
        case .usedRing: GuestAddress(usedRing)
        }
    }

    /// Whether all pages of the queue can be accessed now, for whoever hands it to somebody who could not say.
    ///
    /// - Throws: `GuestMemoryError` for one that is not guest memory, or unplugged.
    public func checkAccess(in memory: GuestMemory) throws(GuestMemoryError) {
        for part in VirtqueuePart.allCases {
            let (start, count) = (address(of: part), part.byteCount(queueSize: size))
            for offset in stride(from: 0, to: count, by: 4096) {
                guard let byte = start.advanced(by: offset) else { throw .unmapped(start, count: count) }
                _ = try memory.loadUInt8(at: byte)
            }
            guard let last = start.advanced(by: count - 1) else { throw .unmapped(start, count: count) }
            _ = try memory.loadUInt8(at: last)
        }
    }

    /// Looks up a part of the queue in guest memory.
    func locate(_ part: VirtqueuePart, in memory: GuestMemory) throws(VirtqueueError) -> GuestMemorySlice {
        let address = address(of: part)
        guard address.rawValue % part.alignment == 0 else {
            throw .misaligned(part, address, alignment: part.alignment)
        }
        do {
            return try memory.slice(at: address, count: part.byteCount(queueSize: size))
        } catch {
            throw .memory(error)
        }
    }
}
