/// The memory slots of an elastic region: which are live, and how much of each is plugged.
///
/// A slot is idle when it is live without need: no block in it is plugged, and it is not among those that are kept.
struct RegionSlots: Sendable {
    /// Bytes that a slot covers, a power of two; the last one may be shorter.
    let slotSize: UInt64
    /// Slots that are live without need.
    private(set) var idleCount = 0

    private let regionSize: UInt64
    /// For each slot: its number where it is live.
    private var numbers: [MemorySlots.SlotNumber?]
    /// For each slot: bytes of plugged blocks in it.
    private var pluggedSizes: [UInt64]
    /// How many slots from the start stay live, whatever is plugged.
    private var keptCount = 0

    init(regionSize: UInt64, slotSize: UInt64) {
        self.regionSize = regionSize
        self.slotSize = slotSize
        let count = Int((regionSize + slotSize - 1) / slotSize)
        numbers = Array(repeating: nil, count: count)
        pluggedSizes = Array(repeating: 0, count: count)
    }

    var count: Int { numbers.count }

    /// How many are live.
    var liveCount: Int { numbers.count { $0 != nil } }

    func isLive(_ index: Int) -> Bool { numbers[index] != nil }

    func pluggedSize(of index: Int) -> UInt64 { pluggedSizes[index] }

    /// The bytes of the region that a slot covers.
    func range(of index: Int) -> Range<UInt64> {
        let start = UInt64(index) * slotSize
        return start..<min(start + slotSize, regionSize)
    }

    /// The slots that hold bytes of a range that is not empty.
    func indices(of bytes: Range<UInt64>) -> ClosedRange<Int> {
        Int(bytes.lowerBound / slotSize)...Int((bytes.upperBound - 1) / slotSize)
    }

    /// Whether all slots of a range are live.
    func areLive(in bytes: Range<UInt64>) -> Bool { indices(of: bytes).allSatisfy { numbers[$0] != nil } }

    /// Makes the slots of a range live.
    ///
    /// - Throws: `MemorySlotError`; those that are live by then stay so, idle ones until they are removed.
    mutating func makeLive(
        _ bytes: Range<UInt64>, of region: GuestMemoryRegion, in slots: any MemorySlots
    ) throws(MemorySlotError) {
        for index in indices(of: bytes) where numbers[index] == nil {
            let range = self.range(of: index)
            numbers[index] = try slots.addSlot(
                in: region, offset: range.lowerBound, size: range.upperBound - range.lowerBound)
            idleCount += isIdle(index) ? 1 : 0
        }
    }

    /// Takes note of blocks that were all unplugged, and are plugged now.
    mutating func plugged(_ bytes: Range<UInt64>) {
        for index in indices(of: bytes) {
            let wasIdle = isIdle(index)
            pluggedSizes[index] += overlap(of: index, bytes)
            idleCount -= wasIdle ? 1 : 0
        }
    }

    /// Takes note of blocks that were all plugged, and are unplugged now.
    mutating func unplugged(_ bytes: Range<UInt64>) {
        for index in indices(of: bytes) {
            pluggedSizes[index] -= overlap(of: index, bytes)
            idleCount += isIdle(index) ? 1 : 0
        }
    }

    /// Says that the slots of the first so many bytes are needed, whatever is plugged.
    mutating func keep(_ size: UInt64) {
        keptCount = Int((size + slotSize - 1) / slotSize)
        idleCount = numbers.indices.count { isIdle($0) }
    }

    /// Removes idle slots. What fails stays to be done.
    mutating func removeIdle(from slots: any MemorySlots) {
        guard idleCount > 0 else { return }
        for index in numbers.indices where isIdle(index) {
            if let number = numbers[index], (try? slots.removeSlot(number)) != nil {
                numbers[index] = nil
                idleCount -= 1
            }
        }
    }

    /// Forgets the live slots: the virtual machine that had them is gone.
    mutating func forget() {
        for index in numbers.indices {
            numbers[index] = nil
        }
        idleCount = 0
    }

    private func isIdle(_ index: Int) -> Bool {
        numbers[index] != nil && pluggedSizes[index] == 0 && index >= keptCount
    }

    private func overlap(of index: Int, _ bytes: Range<UInt64>) -> UInt64 {
        let part = range(of: index).clamped(to: bytes)
        return part.upperBound - part.lowerBound
    }
}

extension RegionSlots {
    /// Linux plugs by memory blocks of 128 MiB: smaller slots would only be more of them.
    static let smallestUsualSize: UInt64 = 128 << 20
    /// A slot costs some hosts up to ten bytes of kernel memory for each of its pages, plugged or not: 2.5 MiB for this.
    static let largestUsualSize: UInt64 = 1 << 30
    /// Adding or removing a slot costs as much as plugging or unplugging what Linux asks for at once. It is to be a small
    /// part of what a resize of all the region takes.
    static let usualCount: UInt64 = 16
    /// Adding one takes longer the more there are: 0.2 ms with so many.
    static let largestCount: UInt64 = 4096
    /// A slot has at most 2^31 - 1 pages (kernel document virt/kvm/api, 4.35): less than 8 TiB.
    static let largestSize: UInt64 = 4 << 40

    /// The slot size where none is asked for.
    ///
    /// - Parameter limit: how many slots the region may have.
    static func defaultSize(region: UInt64, blockSize: UInt64, limit: Int) -> UInt64 {
        let most = min(largestCount, UInt64(max(1, limit)))
        var size = max(smallestUsualSize, blockSize)
        while size < largestUsualSize, region / size > usualCount {
            size *= 2
        }
        while (region + size - 1) / size > most, size < largestSize {
            size *= 2
        }
        return size
    }
}
