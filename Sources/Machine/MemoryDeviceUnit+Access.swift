import GuestMemory

/// What is where in the region, by guest-physical addresses.
extension MemoryDeviceUnit {
    /// All of the region.
    var addresses: Range<UInt64> {
        transport.withDevice { $0.region.memory.addresses }
    }

    /// What the guest may do with the byte at an address; nil outside of the region.
    func access(at address: UInt64) -> ElasticRegion.BlockAccess? {
        transport.withDevice { device in
            let addresses = device.region.memory.addresses
            return addresses.contains(address) ? device.region.access(at: address - addresses.lowerBound) : nil
        }
    }

    /// The live memory slots that hold an unplugged block.
    var slotsWithUnpluggedBlocks: [Range<UInt64>] {
        transport.withDevice { device in
            let start = device.region.memory.addresses.lowerBound
            return device.region.slotsWithUnpluggedBlocks.map { start + $0.lowerBound..<start + $0.upperBound }
        }
    }

    /// The runs of unplugged blocks in a memory slot.
    func unpluggedRanges(in slot: Range<UInt64>) -> [Range<UInt64>] {
        transport.withDevice { device in
            let start = device.region.memory.addresses.lowerBound
            return device.region.unpluggedRanges(in: slot.lowerBound - start..<slot.upperBound - start)
                .map { start + $0.lowerBound..<start + $0.upperBound }
        }
    }
}
