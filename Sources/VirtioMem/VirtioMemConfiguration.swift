/// The configuration space of a memory device (virtio specification, 5.15.4). Sizes and addresses are in bytes.
public struct VirtioMemConfiguration: Sendable, Equatable {
    /// Size and alignment of a memory block, a power of two.
    public var blockSize: UInt64
    /// The ACPI proximity domain of the memory; it counts only with VIRTIO_MEM_F_ACPI_PXM.
    public var node: UInt16
    /// Guest-physical address of the region.
    public var address: UInt64
    /// Size of the region.
    public var regionSize: UInt64
    /// How much of the region, from its start, blocks can be plugged in.
    public var usableRegionSize: UInt64
    /// How much is plugged.
    public var pluggedSize: UInt64
    /// How much should be plugged.
    public var requestedSize: UInt64

    public init(
        blockSize: UInt64, node: UInt16 = 0, address: UInt64, regionSize: UInt64, usableRegionSize: UInt64 = 0,
        pluggedSize: UInt64 = 0, requestedSize: UInt64 = 0
    ) {
        self.blockSize = blockSize
        self.node = node
        self.address = address
        self.regionSize = regionSize
        self.usableRegionSize = usableRegionSize
        self.pluggedSize = pluggedSize
        self.requestedSize = requestedSize
    }

    /// Its size in bytes on the wire.
    public static let byteCount: UInt64 = 56

    /// Reads little-endian bytes at any offset.
    ///
    /// - Parameters:
    ///   - offset: in bytes.
    ///   - size: from 1 to 8 bytes.
    /// - Returns: the value, with zeroes for what lies behind the end; zero for other sizes.
    public func read(offset: UInt64, size: Int) -> UInt64 {
        guard offset < Self.byteCount, (1...8).contains(size) else { return 0 }
        let number = Int(offset / 8)
        let shift = offset % 8 * 8
        // A shift by 64 gives zero.
        let value = word(number) >> shift | word(number + 1) << (64 - shift)
        return value & UInt64.max >> UInt64(64 - 8 * size)
    }

    /// The configuration space as 64-bit fields.
    private func word(_ number: Int) -> UInt64 {
        switch number {
        case 0: blockSize
        case 1: UInt64(node)
        case 2: address
        case 3: regionSize
        case 4: usableRegionSize
        case 5: pluggedSize
        case 6: requestedSize
        default: 0
        }
    }
}
