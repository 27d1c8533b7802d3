/// A memory device as the specification describes it (virtio, 5.15.6), and no more: blocks are a set of numbers.
///
/// Where the specification leaves a choice (how large the usable region is, when the host is busy) the model is told.
struct DeviceModel {
    let start: UInt64
    let blockSize: UInt64
    let blockCount: Int
    private(set) var isPlugged: [Bool]
    private(set) var pluggedCount = 0
    var requestedSize: UInt64 = 0
    var usableSize: UInt64 = 0

    init(start: UInt64, blockSize: UInt64, blockCount: Int) {
        self.start = start
        self.blockSize = blockSize
        self.blockCount = blockCount
        isPlugged = Array(repeating: false, count: blockCount)
    }

    /// VIRTIO_MEM_RESP_ACK, _NACK, _BUSY and _ERROR, and a block state.
    typealias Answer = MemoryDeviceFixture.Answer

    var pluggedSize: UInt64 { UInt64(pluggedCount) * blockSize }

    /// The blocks of a range that is valid: aligned, not empty, within the usable region.
    func blocks(_ address: UInt64, _ count: UInt16) -> Range<Int>? {
        guard address >= start, count > 0, (address - start) % blockSize == 0 else { return nil }
        let first = (address - start) / blockSize
        // Written so that it can't overflow.
        guard first <= usableSize / blockSize, UInt64(count) <= usableSize / blockSize - first else { return nil }
        return Int(first)..<Int(first) + Int(count)
    }

    func count(_ blocks: Range<Int>) -> Int { blocks.count { isPlugged[$0] } }

    /// What PLUG is answered.
    ///
    /// - Parameter isBusy: whether the host can't do it, for blocks that could be plugged.
    mutating func plug(_ address: UInt64, _ blockCount: UInt16, isBusy: (Range<Int>) -> Bool) -> Answer {
        guard let blocks = blocks(address, blockCount), count(blocks) == 0 else { return .error }
        guard pluggedSize + UInt64(blocks.count) * blockSize <= requestedSize else { return .negativeAcknowledge }
        guard !isBusy(blocks) else { return .busy }
        set(blocks, true)
        return .acknowledge
    }

    /// What UNPLUG is answered.
    mutating func unplug(_ address: UInt64, _ blockCount: UInt16, isBusy: Bool) -> Answer {
        guard let blocks = blocks(address, blockCount), count(blocks) == blocks.count else { return .error }
        guard !isBusy else { return .busy }
        set(blocks, false)
        return .acknowledge
    }

    /// What UNPLUG_ALL is answered.
    mutating func unplugAll(isBusy: Bool) -> Answer {
        guard !isBusy else { return .busy }
        set(0..<blockCount, false)
        return .acknowledge
    }

    /// What STATE is answered.
    func state(_ address: UInt64, _ blockCount: UInt16) -> Answer {
        guard let blocks = blocks(address, blockCount) else { return .error }
        return switch count(blocks) {
        case 0: .unplugged
        case blocks.count: .plugged
        default: .mixed
        }
    }

    private mutating func set(_ blocks: Range<Int>, _ value: Bool) {
        for block in blocks where isPlugged[block] != value {
            isPlugged[block] = value
            pluggedCount += value ? 1 : -1
        }
    }
}
