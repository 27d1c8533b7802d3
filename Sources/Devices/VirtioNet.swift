import GuestMemory
import Host
import SystemPackage
import Virtio

/// The network device (virtio specification, 5.1): an Ethernet card whose wire is a tap.
///
/// It does not filter what it receives: modes and addresses that a driver sets are taken and have no effect, as the
/// driver's own filter passes nothing else (5.1.6.5.1 and 5.1.6.5.2 leave that to the device).
public struct VirtioNet: VirtioDevice {
    typealias Feature = VirtioNetConfiguration.Feature

    public let deviceID: UInt32 = 1
    public let features: UInt64
    public let queueSizes: [UInt16]
    public private(set) var configurationGeneration: UInt32 = 0
    public private(set) var breakdown: VirtqueueError?
    /// The kernel interrupts the guest by itself, and tells nobody.
    public var isServedElsewhere: Bool { !kernels.isEmpty }

    let configuration: VirtioNetConfiguration
    private let ports: [any NetworkPort]
    private let kernels: [any NetworkKernel]
    private var receivers: [VirtioNetReceiver]
    private var transmitters: [VirtioNetTransmitter]

    /// What was negotiated; nil before the driver is ready.
    var negotiated: UInt64?
    /// How many pairs of queues the driver uses.
    public internal(set) var pairCount = 1
    /// The address of the guest's end, as its driver has it.
    var address: [UInt8] {
        didSet { if address != oldValue { configurationGeneration &+= 1 } }
    }
    private var isLinkUp = true

    /// By queue: whether the driver has it ready, and has it served by the device.
    private var isStarted: [Bool]
    /// By queue: where the driver put it, if it has.
    private var setups: [QueueSetup?]
    /// By queue: whether the host's kernel serves it.
    private var isInKernel: [Bool]
    /// By queue: how many chains the kernel has taken from it.
    private var bases: [UInt16]
    /// By pair: whether the guest has no buffers for what comes.
    private var isStarved: [Bool]

    /// - Parameters:
    ///   - ports: one for each pair of queues.
    ///   - kernels: as many, to have the host's kernel serve the queues; none to have them served here.
    ///   - memory: where the driver's buffers are.
    public init(
        _ configuration: VirtioNetConfiguration, ports: [any NetworkPort], kernels: [any NetworkKernel] = [],
        memory: GuestMemory
    ) {
        let pairs = configuration.pairCount
        precondition(ports.count == pairs && (kernels.isEmpty || kernels.count == pairs))
        self.configuration = configuration
        self.ports = ports
        self.kernels = kernels
        // What the kernel's queues don't have can't be offered.
        let lacking = kernels.reduce(0) { $0 | ~$1.features } & Feature.mergeableBuffers
        features = configuration.features & ~lacking
        queueSizes = Array(repeating: VirtioNetConfiguration.queueSize, count: 2 * pairs + 1)
        receivers = (0..<pairs).map { _ in VirtioNetReceiver(memory: memory) }
        transmitters = (0..<pairs).map { _ in VirtioNetTransmitter(memory: memory) }
        address = configuration.address
        isStarted = Array(repeating: false, count: 2 * pairs + 1)
        isInKernel = isStarted
        setups = Array(repeating: nil, count: 2 * pairs + 1)
        bases = Array(repeating: 0, count: 2 * pairs + 1)
        isStarved = Array(repeating: false, count: pairs)
    }

    // MARK: Life

    public mutating func activate(features: UInt64, queues: [QueueSetup?]) {
        negotiated = features
        setups = queues
        ports[0].setOffloads(VirtioNetConfiguration.offloads(of: features))
        // What has come before is nobody's, and may be of a kind that this driver does not take.
        for port in ports { port.discardFrames() }
        do throws(VirtqueueError) {
            try startKernel()
        } catch {
            breakdown = error
        }
    }

    public mutating func stop(queue index: Int) {
        stopKernel(index)
        isStarted[index] = false
        bases[index] = 0
        setups[index] = nil
        guard let pair = pair(ofQueue: index) else { return }
        if index % 2 == 0 {
            receivers[pair].reset()
            isStarved[pair] = false
        } else {
            transmitters[pair].reset()
        }
    }

    public mutating func reset() {
        for index in isStarted.indices { stop(queue: index) }
        negotiated = nil
        breakdown = nil
        pairCount = 1
        address = configuration.address
    }

    /// The tap is gone: the driver sees a cable that was pulled out. Its transport has to tell it.
    public mutating func takeLinkDown() {
        isLinkUp = false
        configurationGeneration &+= 1
    }

    // MARK: Configuration space

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        let space = configuration.bytes(address: address, isLinkUp: isLinkUp)
        guard offset < UInt64(space.count) else { return 0 }
        return space.dropFirst(Int(offset)).prefix(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: Queues

    /// The pair that a queue belongs to; nil for the control queue. Without several pairs negotiated, that is the third
    /// queue, whatever the device has (5.1.2).
    public func pair(ofQueue index: Int) -> Int? {
        index < controlQueue ? index / 2 : nil
    }

    private var controlQueue: Int {
        (negotiated ?? features) & Feature.multipleQueues == 0 ? 2 : 2 * configuration.pairCount
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        guard let pair = pair(ofQueue: index) else {
            if index == controlQueue { try control(queue) }
            return
        }
        isStarted[index] = true
        guard pair < pairCount, !isInKernel[index], kernels.isEmpty else { return }
        if index % 2 == 0 {
            try receive(pair: pair, queue)
        } else {
            try transmitters[pair].send(queue, to: ports[pair])
        }
    }

    /// Gives the guest what has come for a pair.
    ///
    /// - Parameter queue: its receiving queue.
    public mutating func receive(pair: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        guard wants(pair: pair).contains(.frames) || isStarved[pair] else { return }
        let isMergeable = (negotiated ?? 0) & Feature.mergeableBuffers != 0
        let end = try receivers[pair].receive(from: ports[pair], into: queue, isMergeable: isMergeable)
        isStarved[pair] = end == .starved
    }

    /// Goes on with what had to wait for a pair's port.
    ///
    /// - Parameter queue: its transmitting queue.
    public mutating func transmit(pair: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        guard wants(pair: pair).contains(.room) else { return }
        try transmitters[pair].send(queue, to: ports[pair])
    }

    /// What a port is waited for.
    public struct Wishes: OptionSet, Sendable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The pair is in use.
        public static let attention = Wishes(rawValue: 1)
        /// There are buffers for frames that come.
        public static let frames = Wishes(rawValue: 2)
        /// There is a frame that the port had no room for.
        public static let room = Wishes(rawValue: 4)
    }

    /// What a pair's port is to be waited for now.
    public func wants(pair: Int) -> Wishes {
        guard negotiated != nil, pair < pairCount, isLinkUp else { return [] }
        var wishes: Wishes = .attention
        guard kernels.isEmpty else { return wishes }
        if isStarted[2 * pair], !isStarved[pair] { wishes.insert(.frames) }
        if isStarted[2 * pair + 1], transmitters[pair].isWaiting { wishes.insert(.room) }
        return wishes
    }

    /// What a port last said went wrong; nil where it took, or gave, a frame.
    public func problem(ofPair pair: Int) -> Errno? {
        let result = min(receivers[pair].problem, transmitters[pair].problem)
        return result < 0 ? Errno(rawValue: CInt(-result)) : nil
    }

    // MARK: Queues that the kernel serves

    /// Has the kernel serve the queues of the pairs in use, as far as it does not yet.
    ///
    /// - Throws: `refusedByKernel`.
    mutating func startKernel() throws(VirtqueueError) {
        guard let negotiated, !kernels.isEmpty else { return }
        for pair in 0..<pairCount {
            for part in 0...1 {
                let index = 2 * pair + part
                guard !isInKernel[index], let setup = setups[index] else { continue }
                do throws(SystemCallError) {
                    if part == 0 { try kernels[pair].setFeatures(negotiated & kernels[pair].features) }
                    try kernels[pair].start(part, setup, base: bases[index])
                } catch {
                    throw .refusedByKernel(queue: index)
                }
                isInKernel[index] = true
            }
        }
    }

    /// Has the kernel leave a queue alone.
    mutating func stopKernel(_ index: Int) {
        guard isInKernel[index] else { return }
        isInKernel[index] = false
        bases[index] = kernels[index / 2].stop(index % 2)
    }

    /// Changes what may come, as the driver asks for it.
    func setOffloads(_ offloads: Tap.Offloads) {
        ports[0].setOffloads(offloads)
    }
}
