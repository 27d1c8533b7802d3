/// What a block device tells its driver of the disk (virtio specification, 5.2.4).
public struct VirtioBlockConfiguration: Sendable {
    /// Bytes of the disk; what is left of its last sector of 512 bytes is out of reach.
    public let size: UInt64
    /// The least that is read and written at once, in bytes.
    public let blockSize: UInt32
    public let isReadOnly: Bool
    /// Whether ranges can be given back, and zeroed without writing zeroes.
    public let discards: Bool
    /// Whether a flush may leave what was written in the host's cache, where it is lost when the host goes down.
    public let ignoresFlushes: Bool
    /// Whether what is written goes to the host's page cache first.
    public let isCached: Bool
    /// What a driver gets as the disk's name, at most 20 bytes of it.
    public let serial: String
    public let queueCount: Int
    public let queueSize: UInt16

    public init(
        size: UInt64, blockSize: UInt32 = 512, isReadOnly: Bool = false, discards: Bool = true,
        ignoresFlushes: Bool = false, isCached: Bool = true, serial: String = "", queueCount: Int = 1,
        queueSize: UInt16 = 256
    ) {
        self.size = size
        self.blockSize = blockSize
        self.isReadOnly = isReadOnly
        self.discards = discards
        self.ignoresFlushes = ignoresFlushes
        self.isCached = isCached
        self.serial = serial
        self.queueCount = queueCount
        self.queueSize = queueSize
    }

    static let sectorSize: UInt64 = 512
    static let serialLength = 20

    var sectorCount: UInt64 { size / Self.sectorSize }

    var features: UInt64 {
        var features = Feature.segmentMaximum | Feature.blockSize | Feature.topology
        if isReadOnly { features |= Feature.readOnly } else { features |= Feature.flush }
        if queueCount > 1 { features |= Feature.multipleQueues }
        if discards, !isReadOnly { features |= Feature.discard | Feature.writeZeroes }
        return features
    }

    /// Feature bits (5.2.3).
    enum Feature {
        static let segmentMaximum: UInt64 = 1 << 2
        static let readOnly: UInt64 = 1 << 5
        static let blockSize: UInt64 = 1 << 6
        static let flush: UInt64 = 1 << 9
        static let topology: UInt64 = 1 << 10
        static let multipleQueues: UInt64 = 1 << 12
        static let discard: UInt64 = 1 << 13
        static let writeZeroes: UInt64 = 1 << 14
    }

    /// The configuration space, all of it; fields of features that are not offered are zero.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        func append(_ value: UInt64, _ count: Int) {
            for byte in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(byte)))) }
        }
        append(sectorCount, 8)
        append(0, 4)  // size_max: any
        // All descriptors but those of header and status.
        append(UInt64(max(queueSize, 3) - 2), 4)
        append(0, 4)  // geometry: none
        append(UInt64(blockSize), 4)
        append(0, 1)  // physical_block_exp: a physical block is a logical one
        append(0, 1)  // alignment_offset
        append(0, 2)  // min_io_size
        append(0, 4)  // opt_io_size
        append(0, 2)  // writeback, which is not to be changed, and padding
        append(queueCount > 1 ? UInt64(queueCount) : 0, 2)
        let most: UInt64 = discards && !isReadOnly ? Self.rangeLimit / Self.sectorSize : 0
        for _ in 0..<2 {
            append(most, 4)  // max_discard_sectors, max_write_zeroes_sectors
            append(most > 0 ? 1 : 0, 4)  // segments of one request
            if bytes.count == 44 { append(most > 0 ? UInt64(blockSize) / Self.sectorSize : 0, 4) }  // its alignment
        }
        append(most > 0 ? 1 : 0, 1)  // write_zeroes_may_unmap
        append(0, 3)
        return bytes
    }

    /// Bytes that one request discards or zeroes at most, so that none takes long.
    static let rangeLimit: UInt64 = 1 << 30
}
