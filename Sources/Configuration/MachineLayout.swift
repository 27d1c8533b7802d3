/// Where the parts of a machine are in its guest-physical address space, and on which interrupt lines.
///
/// It exists only for configurations that passed every check.
public struct MachineLayout: Sendable, Equatable {
    /// A range of boot memory that belongs to one NUMA node.
    public struct RAMRange: Sendable, Equatable {
        /// First guest-physical address.
        public let start: UInt64
        /// Bytes, never zero.
        public let size: UInt64
        public let node: UInt32
        /// One past the last address.
        public var end: UInt64 { start + size }
    }

    /// Where a memory device's blocks are.
    public struct MemoryDeviceRegion: Sendable, Equatable {
        /// First guest-physical address, a multiple of `Platform.memoryDeviceAlignment` and of the block size.
        public let start: UInt64
        /// Bytes, the device's size.
        public let size: UInt64
        public let node: UInt32
        /// One past the last address.
        public var end: UInt64 { start + size }
    }

    /// A virtio device's registers and interrupt line.
    public struct VirtioWindow: Sendable, Equatable {
        /// First guest-physical address; the window has `Platform.virtioWindowSize` bytes.
        public let address: UInt64
        /// The interrupt line (global system interrupt).
        public let interrupt: UInt32
        /// Whether another device uses the same line.
        public let isShared: Bool
    }

    /// Boot memory by address. A node's memory has two ranges where the hole below 4 GiB splits it.
    public let ramRanges: [RAMRange]
    /// One for each memory device, in the order of the configuration.
    public let memoryDeviceRegions: [MemoryDeviceRegion]
    /// One for each virtio device: the memory devices in the order of the configuration, then the others in the
    /// order of `MachineConfiguration.furtherDeviceCount`.
    public let virtioWindows: [VirtioWindow]

    /// Checks a configuration and lays it out.
    ///
    /// - Parameters:
    ///   - physicalAddressBits: how many the guest's processors have; 52 is the architecture's limit.
    /// - Throws: `ConfigurationError` for the first thing that can't be.
    public init(_ configuration: MachineConfiguration, physicalAddressBits: Int = 52) throws(ConfigurationError) {
        try configuration.check()
        let space = AddressSpace(bits: physicalAddressBits)
        ramRanges = try Self.placeBootMemory(of: configuration, in: space)
        let bootEnd = max(ramRanges.last?.end ?? 0, Platform.highMemoryStart)
        memoryDeviceRegions = try Self.placeRegions(configuration.memoryDevices, above: bootEnd, in: space)
        for device in configuration.memoryDevices {
            try device.checkBlockCount()
        }
        virtioWindows = Self.placeWindows(
            count: configuration.memoryDevices.count + configuration.furtherDeviceCount)
    }

    /// One past the highest address that is, or may become, memory.
    public var end: UInt64 {
        memoryDeviceRegions.last?.end ?? ramRanges.last?.end ?? 0
    }

    /// How far the guest's processors can address.
    private struct AddressSpace {
        let bits: Int

        /// The end of a range, unless it is out of reach.
        func end(of start: UInt64, _ size: UInt64) -> UInt64? {
            let (end, overflow) = start.addingReportingOverflow(size)
            return overflow || end > limit ? nil : end
        }

        var limit: UInt64 { 1 << UInt64(min(max(bits, 32), 52)) }

        var explanation: String { "the processor's \(bits) physical address bits reach \(ByteSize(limit))" }
    }

    private static func placeBootMemory(
        of configuration: MachineConfiguration, in space: AddressSpace
    ) throws(ConfigurationError) -> [RAMRange] {
        let total = configuration.memory
        guard
            total <= Platform.lowMemoryEnd
                || space.end(of: Platform.highMemoryStart, total - Platform.lowMemoryEnd) != nil
        else {
            throw ConfigurationError("--memory \(ByteSize(total))", "too large: \(space.explanation)")
        }
        var shares = configuration.nodes.sorted { $0.id < $1.id }.map { (id: $0.id, memory: $0.memory) }
        if shares.isEmpty {
            shares = [(id: 0, memory: total)]
        }
        var ranges: [RAMRange] = []
        var start: UInt64 = 0
        for share in shares where share.memory > 0 {
            var size = share.memory
            if start < Platform.lowMemoryEnd {
                let low = min(size, Platform.lowMemoryEnd - start)
                ranges.append(RAMRange(start: start, size: low, node: share.id))
                start += low
                size -= low
            }
            if start == Platform.lowMemoryEnd {
                start = Platform.highMemoryStart
            }
            if size > 0 {
                ranges.append(RAMRange(start: start, size: size, node: share.id))
                start += size
            }
        }
        return ranges
    }

    private static func placeRegions(
        _ devices: [MemoryDevice], above bootEnd: UInt64, in space: AddressSpace
    ) throws(ConfigurationError) -> [MemoryDeviceRegion] {
        var regions: [MemoryDeviceRegion] = []
        var next = bootEnd
        for device in devices {
            // The device wants its address to be a multiple of the block size. Rounding up can't overflow: what was
            // placed so far ends within 52 bits.
            let alignment = max(Platform.memoryDeviceAlignment, device.blockSize)
            let start = (next + alignment - 1) & ~(alignment - 1)
            guard let end = space.end(of: start, device.size) else {
                throw ConfigurationError(
                    device.option,
                    "size \(ByteSize(device.size)) is too large: the region would begin at \(ByteSize(start)), and"
                        + " \(space.explanation)")
            }
            regions.append(MemoryDeviceRegion(start: start, size: device.size, node: device.node))
            next = end
        }
        return regions
    }

    private static func placeWindows(count: Int) -> [VirtioWindow] {
        let lines = Platform.virtioInterrupts
        return (0..<count).map { index in
            let line = index % lines.count
            return VirtioWindow(
                address: Platform.virtioWindowStart + UInt64(index) * Platform.virtioWindowSize,
                interrupt: lines[line],
                isShared: index >= lines.count || line + lines.count < count)
        }
    }
}
