import GuestMemory
import Virtio

/// The memory device (virtio specification, 5.15): a region of memory whose blocks a guest plugs and unplugs as its
/// requested size says.
///
/// What is plugged is known by its `ElasticRegion`; this is the protocol in front of it. As any device it lives inside
/// its transport; whoever changes the requested size has the transport announce that the configuration changed.
public struct VirtioMemDevice: VirtioDevice {
    public let deviceID: UInt32 = 24
    public let queueSizes: [UInt16] = [VirtioMemDevice.queueSize]

    /// Linux has one request under way at a time.
    private static let queueSize: UInt16 = 64

    /// The memory and what is plugged of it.
    public let region: ElasticRegion
    /// Bytes that the guest is asked to have plugged.
    public private(set) var requestedSize: UInt64
    /// Bytes from the region's start in which blocks may be plugged.
    public private(set) var usableSize: UInt64
    /// The host's reason why the newest request could not be done; nil when it could.
    public private(set) var refusal: ElasticRegionError?
    /// What the driver asked for so far.
    public private(set) var activity = RequestActivity()
    private var activityBefore = RequestActivity()
    /// Whether the driver may read unplugged blocks of the usable region.
    private var hasReader = false
    public private(set) var configurationGeneration: UInt32 = 0

    private let node: UInt16?
    private let acceptsReaders: Bool

    /// - Parameters:
    ///   - requestedSize: bytes, a multiple of the block size, at most the region's size.
    ///   - node: the proximity domain of the memory; nil on a machine without NUMA nodes.
    ///   - acceptsReaders: whether to work with drivers that may read unplugged memory, those without
    ///     VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE: all of the usable region reads as zero then where it is unplugged.
    public init(
        region: ElasticRegion, requestedSize: UInt64, node: UInt16?, acceptsReaders: Bool = false
    ) throws(VirtioMemError) {
        self.region = region
        self.node = node
        self.acceptsReaders = acceptsReaders
        self.requestedSize = requestedSize
        usableSize = Self.usableSize(of: region, requested: requestedSize)
        try check(requestedSize)
    }

    public var features: UInt64 {
        VirtioMemFeature.unpluggedInaccessible | (node == nil ? 0 : VirtioMemFeature.acpiProximityDomain)
    }

    /// A driver that may read unplugged memory is turned away, since it would be stopped at the first access, unless
    /// it is to be accepted, and the host can let it read zeroes.
    public mutating func accepts(features: UInt64) -> Bool {
        guard features & VirtioMemFeature.unpluggedInaccessible == 0 else { return true }
        guard acceptsReaders else { return false }
        do throws(ElasticRegionError) {
            try region.setReadableWhenUnplugged(usableSize)
        } catch {
            refusal = error
            return false
        }
        hasReader = true
        return true
    }

    /// Changes how much the guest is asked to have plugged.
    ///
    /// - Throws: `VirtioMemError`; nothing has changed then.
    public mutating func setRequestedSize(_ size: UInt64) throws(VirtioMemError) {
        try check(size)
        let newUsableSize = max(usableSize, Self.usableSize(of: region, requested: size))
        if hasReader {
            do throws(ElasticRegionError) {
                try region.setReadableWhenUnplugged(newUsableSize)
            } catch {
                throw .unreadable(error)
            }
        }
        // The driver is about to be interrupted, and tries again what could not be done.
        refusal = nil
        activityBefore = activity
        guard size != requestedSize else { return }
        requestedSize = size
        usableSize = newUsableSize
        configurationGeneration &+= 1
    }

    /// What the driver asked for since the size was set.
    public var activitySinceRequest: RequestActivity { activity.since(activityBefore) }

    /// Blocks stay plugged when a driver resets the device (5.15.5.2); only the machine's reset unplugs them.
    public mutating func reset() {
        refusal = nil
        activity.lastWrong = nil
        if hasReader {
            hasReader = false
            // What the host can't hide now stays readable, as zeroes, until it is plugged.
            try? region.setReadableWhenUnplugged(0)
        }
    }

    public mutating func systemReset() {
        reset()
        activityBefore = activity
        // The virtual machine's slots go with it, so only the memory itself is left to give back. That is one call for
        // the whole region, which leaves fewer mappings than before: the host has no reason to refuse it. Where it does
        // all the same, the next driver finds the blocks plugged, and unplugs them (5.15.5).
        guard (try? region.unplugAll()) != nil else { return }
        configurationGeneration &+= 1
        shrinkUsableRegion()
    }

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        VirtioMemConfiguration(
            blockSize: region.blockSize, node: node ?? 0, address: region.memory.start.rawValue,
            regionSize: region.memory.size, usableRegionSize: usableSize, pluggedSize: region.pluggedSize,
            requestedSize: requestedSize
        ).read(offset: offset, size: size)
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        while let chain = try queue.nextChain() {
            let request = try VirtioMemRequest(from: chain, of: queue)
            try answer(request).complete(chain, of: queue)
        }
    }

    private func check(_ size: UInt64) throws(VirtioMemError) {
        guard size % region.blockSize == 0 else {
            throw .unaligned(requested: size, blockSize: region.blockSize)
        }
        guard size <= region.memory.size else {
            throw .tooLarge(requested: size, region: region.memory.size)
        }
    }

    private static func usableSize(of region: ElasticRegion, requested: UInt64) -> UInt64 {
        UsableRegion.size(requested: requested, region: region.memory.size, blockSize: region.blockSize)
    }

    private mutating func shrinkUsableRegion() {
        let size = Self.usableSize(of: region, requested: requestedSize)
        if size != usableSize {
            usableSize = size
            if hasReader {
                // What the host can't hide now stays readable, as zeroes, for which nobody is worse off.
                try? region.setReadableWhenUnplugged(size)
            }
            configurationGeneration &+= 1
        }
    }
}

/// Requests of the driver and what becomes of them (virtio specification, 5.15.6).
extension VirtioMemDevice {
    mutating func answer(_ request: VirtioMemRequest) -> VirtioMemResponse {
        let response: VirtioMemResponse =
            switch request {
            case .plug(let range): plug(range)
            case .unplug(let range): unplug(range)
            case .unplugAll: unplugAll()
            case .state(let range): state(range)
            case .unknown: .error
            }
        activity.note(request, response)
        return response
    }

    private mutating func plug(_ range: VirtioMemBlockRange) -> VirtioMemResponse {
        guard let blocks = blocks(range), region.pluggedBlocks(in: blocks) == 0 else { return .error }
        // Both are within the region, so far from overflowing.
        guard region.pluggedSize + UInt64(blocks.count) * region.blockSize <= requestedSize else {
            return .negativeAcknowledge
        }
        return change { [region] () throws(ElasticRegionError) in try region.plug(blocks) }
    }

    private mutating func unplug(_ range: VirtioMemBlockRange) -> VirtioMemResponse {
        guard let blocks = blocks(range), region.pluggedBlocks(in: blocks) == blocks.count else {
            return .error
        }
        return change { [region] () throws(ElasticRegionError) in try region.unplug(blocks) }
    }

    private mutating func unplugAll() -> VirtioMemResponse {
        let response = change { [region] () throws(ElasticRegionError) in try region.unplugAll() }
        if response == .acknowledge {
            shrinkUsableRegion()
        }
        return response
    }

    /// Changes what is plugged; where the host refuses, the guest is told to try again later.
    private mutating func change(_ body: () throws(ElasticRegionError) -> Void) -> VirtioMemResponse {
        do throws(ElasticRegionError) {
            try body()
        } catch {
            refusal = error
            return .busy
        }
        refusal = nil
        configurationGeneration &+= 1
        return .acknowledge
    }

    private func state(_ range: VirtioMemBlockRange) -> VirtioMemResponse {
        guard let blocks = blocks(range) else { return .error }
        return switch region.pluggedBlocks(in: blocks) {
        case 0: .state(.unplugged)
        case blocks.count: .state(.plugged)
        default: .state(.mixed)
        }
    }

    /// The blocks of a request; nil where its address is not a block's, it has none, or they are not all usable.
    private func blocks(_ range: VirtioMemBlockRange) -> Range<Int>? {
        let (offset, underflow) = range.address.rawValue.subtractingReportingOverflow(
            region.memory.start.rawValue)
        guard !underflow, offset % region.blockSize == 0, offset < usableSize, range.count > 0 else { return nil }
        let first = Int(offset / region.blockSize)
        let end = first + Int(range.count)
        return end <= Int(usableSize / region.blockSize) ? first..<end : nil
    }
}
