/// A memory device as the specification describes it (5.15), in the plainest way.
struct MemoryDeviceModel {
    let start: UInt64
    let blockSize: UInt64
    let blockCount: Int

    private(set) var isPlugged: [Bool]
    private(set) var requested: UInt64
    private(set) var usable: UInt64

    init(start: UInt64, blockSize: UInt64, blockCount: Int, requested: UInt64) {
        self.start = start
        self.blockSize = blockSize
        self.blockCount = blockCount
        self.requested = requested
        isPlugged = Array(repeating: false, count: blockCount)
        usable = 0
        usable = usable(for: requested)
    }

    var regionSize: UInt64 { UInt64(blockCount) * blockSize }
    var pluggedSize: UInt64 { UInt64(isPlugged.count { $0 }) * blockSize }

    /// Runs of plugged blocks, as offsets in bytes.
    var pluggedRanges: [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        for (block, isPlugged) in isPlugged.enumerated() where isPlugged {
            let (first, end) = (UInt64(block) * blockSize, UInt64(block + 1) * blockSize)
            if ranges.last?.upperBound == first {
                ranges[ranges.count - 1] = ranges[ranges.count - 1].lowerBound..<end
            } else {
                ranges.append(first..<end)
            }
        }
        return ranges
    }

    /// 256 MiB more than is requested, rounded up to 2 GiB: how this device makes use of its freedom.
    private func usable(for requested: UInt64) -> UInt64 {
        min((requested + (256 << 20) + (2 << 30) - 1) / (2 << 30) * (2 << 30), regionSize)
    }

    mutating func setRequested(_ size: UInt64) {
        requested = size
        usable = max(usable, usable(for: size))
    }

    mutating func unplugEverything() {
        isPlugged = Array(repeating: false, count: blockCount)
        usable = usable(for: requested)
    }

    mutating func set(_ blocks: Range<Int>, plugged: Bool) {
        for block in blocks { isPlugged[block] = plugged }
    }

    /// How many of the blocks are plugged.
    func plugged(in blocks: Range<Int>) -> Int {
        isPlugged[blocks].count { $0 }
    }

    /// The blocks that a request means; nil where it is wrong.
    func blocks(_ address: UInt64, _ count: UInt16) -> Range<Int>? {
        guard address >= start, count > 0 else { return nil }
        let offset = address - start
        guard offset % blockSize == 0, offset < usable, UInt64(count) <= (usable - offset) / blockSize else {
            return nil
        }
        let first = Int(offset / blockSize)
        return first..<first + Int(count)
    }

    /// The answer to a request where the host does not refuse: type and state.
    func answer(type: UInt16, _ address: UInt64, _ count: UInt16) -> MemoryDeviceAnswer {
        if type == 2 { return .acknowledge }
        guard type < 4, let blocks = blocks(address, count) else { return .error }
        let plugged = plugged(in: blocks)
        switch type {
        case 0:
            if plugged > 0 { return .error }
            let isTooMuch = pluggedSize + UInt64(blocks.count) * blockSize > requested
            return isTooMuch ? .negativeAcknowledge : .acknowledge
        case 1:
            return plugged == blocks.count ? .acknowledge : .error
        default:
            return MemoryDeviceAnswer(type: 0, state: plugged == blocks.count ? 0 : plugged == 0 ? 1 : 2)
        }
    }
}

/// VIRTIO_MEM_RESP_ACK, _NACK, _BUSY or _ERROR, and the state where that was asked for.
struct MemoryDeviceAnswer: Equatable {
    let type: UInt16
    let state: UInt16

    static let acknowledge = MemoryDeviceAnswer(type: 0, state: 0)
    static let negativeAcknowledge = MemoryDeviceAnswer(type: 1, state: 0)
    static let busy = MemoryDeviceAnswer(type: 2, state: 0)
    static let error = MemoryDeviceAnswer(type: 3, state: 0)
}
