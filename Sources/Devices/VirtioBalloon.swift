import GuestMemory
import Host
import Virtio

/// The balloon device (virtio specification, 5.5): a guest puts pages into its balloon as the host asks, and the host
/// has their memory back as long as they are in there. With free page reporting, the guest also tells of memory that it
/// has free, which it may use again at any time.
///
/// What is given back is for `ReclaimableMemory` to know: memory that is not the guest's is never touched, whatever a
/// driver says.
public struct VirtioBalloon: VirtioDevice {
    public let deviceID: UInt32 = 5
    public let features: UInt64
    /// Drivers differ on the number of the queue for free pages where those before it are missing: behind inflating and
    /// deflating, or always the fifth (5.5.2).
    public let queueSizes: [UInt16]
    public private(set) var configurationGeneration: UInt32 = 0

    public static let pageSize = BalloonPages.pageSize

    private static let inflateQueue = 0
    private static let deflateQueue = 1

    private enum Feature {
        static let mustTellHost: UInt64 = 1 << 0
        static let deflateOnOutOfMemory: UInt64 = 1 << 2
        static let reporting: UInt64 = 1 << 5
    }

    /// Work of the driver's that was begun: a chain, and how many of its bytes are done.
    private typealias Work = (chain: DescriptorChain, done: UInt64)

    private let memory: ReclaimableMemory
    private let onActual: @Sendable () -> Void
    /// Pages that the driver is asked to have in the balloon.
    public private(set) var target: UInt32 = 0
    /// Pages that it says it has there.
    public private(set) var actual: UInt32 = 0
    /// Why the host did not take memory when it was last offered some; nil where it did.
    public private(set) var failure: SystemCallError?
    private var pages = BalloonPages()
    /// Whether the driver does not use pages before it has told that they leave the balloon.
    private var tellsBefore = false
    private var works: [Work?]
    /// Whether a queue's last turn was over before the queue was found empty.
    private var isCutShort: [Bool]
    /// Numbers of pages, in order to be sorted; kept, so that requests allocate nothing.
    private var numbers: [UInt32] = []

    /// Numbers of pages that are looked at in a turn: each may take a system call.
    private static let pagesPerTurn = 1024
    /// Free bytes that are given back in a turn.
    private static let bytesPerTurn: UInt64 = 64 << 20

    /// - Parameters:
    ///   - memory: what can be given back.
    ///   - deflatesOnOutOfMemory: whether the guest may take pages back that it can't do without.
    ///   - reportsFreePages: whether the guest tells of free pages.
    ///   - onActual: called, with the device locked, when the driver says how many pages are in the balloon.
    public init(
        memory: ReclaimableMemory, deflatesOnOutOfMemory: Bool, reportsFreePages: Bool,
        onActual: @escaping @Sendable () -> Void = {}
    ) {
        self.memory = memory
        self.onActual = onActual
        features =
            Feature.mustTellHost | (deflatesOnOutOfMemory ? Feature.deflateOnOutOfMemory : 0)
            | (reportsFreePages ? Feature.reporting : 0)
        queueSizes = Array(repeating: 128, count: reportsFreePages ? 5 : 2)
        works = Array(repeating: nil, count: queueSizes.count)
        isCutShort = Array(repeating: false, count: queueSizes.count)
        numbers.reserveCapacity(Self.pagesPerTurn)
    }

    /// Asks the driver to have so many pages in the balloon; it is to be told that the configuration changed.
    public mutating func setTarget(_ pages: UInt32) {
        target = pages
        configurationGeneration &+= 1
    }

    /// Whether a queue may have work left over from a turn: it is to be processed again, also so that the driver is asked
    /// to tell of more.
    public func hasMore(queue index: Int) -> Bool { isCutShort[index] }

    public mutating func activate(features: UInt64) {
        tellsBefore = features & Feature.mustTellHost != 0
    }

    /// All pages are the driver's again.
    public mutating func reset() {
        works = Array(repeating: nil, count: queueSizes.count)
        isCutShort = Array(repeating: false, count: queueSizes.count)
        pages.removeAll()
        tellsBefore = false
        setActual(0)
    }

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        offset < 8 ? (UInt64(target) | UInt64(actual) << 32) >> (8 * offset) : 0
    }

    /// The driver writes how many pages are in the balloon, behind how many shall be.
    public mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64) {
        guard offset == 4, size == 4 else { return }
        setActual(UInt32(truncatingIfNeeded: value))
    }

    private mutating func setActual(_ pages: UInt32) {
        guard actual != pages else { return }
        actual = pages
        configurationGeneration &+= 1
        onActual()
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        // A turn that ends with a mistake of the driver's leaves nothing to go on with.
        isCutShort[index] = false
        if let work = works[index], !queue.owns(work.chain) {
            works[index] = nil
        }
        if index == Self.inflateQueue || index == Self.deflateQueue {
            try changeBalloon(index, queue)
        } else {
            try takeFreePages(index, queue)
        }
    }

    /// Goes on with a chain that was begun, or takes the next one.
    private mutating func nextWork(_ index: Int, _ queue: SplitQueue) throws(VirtqueueError) -> Work? {
        if let work = works[index] { return work }
        return try queue.nextChain().map { ($0, 0) }
    }

    /// Gives a chain back when all of it is done, or keeps what is left for the next turn.
    private mutating func finish(
        _ work: Work, of count: UInt64, _ index: Int, _ queue: SplitQueue
    ) throws(VirtqueueError) {
        if work.done < count {
            works[index] = work
        } else {
            works[index] = nil
            try queue.complete(work.chain, written: 0)
        }
    }

    // MARK: Inflating and deflating

    /// Takes lists of page numbers, 4 bytes each (5.5.6).
    private mutating func changeBalloon(_ index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        var left = Self.pagesPerTurn
        while left > 0, var work = try nextWork(index, queue) {
            // What is behind the last whole number means nothing.
            let count = work.chain.readableLength & ~3
            numbers.removeAll(keepingCapacity: true)
            while work.done < count, numbers.count < left {
                numbers.append(try queue.loadUInt32(at: work.done, of: work.chain))
                work.done += 4
            }
            left -= max(numbers.count, 1)
            forEachRun { (device, addresses) in
                if index == Self.inflateQueue {
                    device.inflate(addresses)
                } else {
                    device.deflate(addresses)
                }
            }
            try finish(work, of: count, index, queue)
        }
        isCutShort[index] = left <= 0
    }

    /// Calls the body with the addresses of the pages, those that follow each other together.
    private mutating func forEachRun(_ body: (inout VirtioBalloon, Range<UInt64>) -> Void) {
        numbers.sort()
        var first = 0
        for index in numbers.indices where index + 1 == numbers.count || numbers[index + 1] - numbers[index] > 1 {
            let start = UInt64(numbers[first]) * Self.pageSize
            body(&self, start..<(UInt64(numbers[index]) + 1) * Self.pageSize)
            first = index + 1
        }
    }

    private mutating func inflate(_ addresses: Range<UInt64>) {
        forEachExtent(of: addresses) { (device, extent, pageSize) in
            guard pageSize > Self.pageSize else { return device.reclaim(extent) }
            // Without that, what is in use again might go together with the rest of its page.
            guard device.tellsBefore else { return }
            device.forEachHostPage(extent, pageSize) { (device, address, page) in
                if device.pages.insert(address, in: page) {
                    device.reclaim(page)
                }
            }
        }
    }

    private mutating func deflate(_ addresses: Range<UInt64>) {
        forEachExtent(of: addresses) { (device, extent, pageSize) in
            guard pageSize > Self.pageSize else { return }
            device.forEachHostPage(extent, pageSize) { (device, address, page) in
                device.pages.remove(address, in: page)
            }
        }
    }

    /// Calls the body with each part of a range that lies in one region of guest memory, and the pages there; the rest
    /// is nobody's.
    private mutating func forEachExtent(
        of addresses: Range<UInt64>, _ body: (inout VirtioBalloon, Range<UInt64>, _ pageSize: UInt64) -> Void
    ) {
        var next = addresses.lowerBound
        while next < addresses.upperBound {
            guard let (count, pageSize) = memory.extent(at: next, count: addresses.upperBound - next) else {
                next += Self.pageSize
                continue
            }
            body(&self, next..<next + count, pageSize)
            next += count
        }
    }

    /// Calls the body with each page of the balloon in a range, and the host's page around it.
    private mutating func forEachHostPage(
        _ extent: Range<UInt64>, _ pageSize: UInt64,
        _ body: (inout VirtioBalloon, _ address: UInt64, _ page: Range<UInt64>) -> Void
    ) {
        for address in stride(from: extent.lowerBound, to: extent.upperBound, by: Int(Self.pageSize)) {
            // Regions begin at multiples of their backing's pages.
            let page = address & ~(pageSize - 1)
            body(&self, address, page..<page + pageSize)
        }
    }

    private mutating func reclaim(_ addresses: Range<UInt64>) {
        do throws(SystemCallError) {
            try memory.reclaim(addresses)
            failure = nil
        } catch {
            failure = error
        }
    }

    // MARK: Free pages

    /// Takes chains whose buffers are free memory (5.5.6.7): it is the guest's again when it has them back.
    private mutating func takeFreePages(_ index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        var left = Self.bytesPerTurn
        while left > 0, var work = try nextWork(index, queue) {
            let count = min(left, work.chain.writableLength - work.done)
            try queue.forEachWritablePiece(of: work.chain, at: work.done, count: count) { piece in
                reclaim(piece.address.rawValue..<piece.address.rawValue + piece.count)
            }
            work.done += count
            left -= min(left, max(count, Self.pageSize))
            try finish(work, of: work.chain.writableLength, index, queue)
        }
        isCutShort[index] = left == 0
    }
}
