/// What makes a device of one type: everything but queues, negotiation and registers, which are the transport's.
///
/// A device lives inside its transport and is called under the transport's lock, on vCPU threads (configuration space,
/// reset) and on the event loop's thread (queues). It need not be `Sendable`. It must not call its transport.
public protocol VirtioDevice: SendableMetatype {
    /// Its type (virtio specification, 5). Never changes.
    var deviceID: UInt32 { get }
    /// The features of its type that it offers. Never changes.
    var features: UInt64 { get }
    /// The maximum size of each of its queues, powers of two up to 32768. Never changes.
    var queueSizes: [UInt16] { get }
    /// The features of queues that it works with. Never changes. By default those that queues served here have.
    var queueFeatures: UInt64 { get }
    /// Whether somebody else serves its queues, and raises the interrupt line by himself: the guest is always told that
    /// buffers were used, since nobody here knows. Never changes. No by default.
    var isServedElsewhere: Bool { get }
    /// Why the device can't go on until it is reset, known when it is activated; nil as long as it can.
    var breakdown: VirtqueueError? { get }
    /// A number that is different after each change of the configuration space: a driver reads fields of more than 32
    /// bits again if it changed meanwhile. Constant by default.
    var configurationGeneration: UInt32 { get }

    /// Whether the device works with what the driver chose of the offered features. It is asked when the driver writes
    /// FEATURES_OK, and may prepare for them; `reset()` follows before it is asked about others. Yes by default.
    mutating func accepts(features: UInt64) -> Bool
    /// The driver is ready: queues are processed from now on. Nothing by default.
    mutating func activate(features: UInt64)
    /// The driver is ready, and where it has put each of the queues; nil for one that it does not use. For a device whose
    /// queues somebody else serves. By default `activate(features:)`.
    mutating func activate(features: UInt64, queues: [QueueSetup?])
    /// The driver takes a queue away while it is ready. Nothing by default.
    mutating func stop(queue index: Int)
    /// The driver broke a rule: a queue that was ready is left alone until it resets the device. By default
    /// `stop(queue:)`.
    mutating func abandon(queue index: Int)
    /// The driver resets the device: chains that were not completed are lost. Nothing by default.
    mutating func reset()
    /// The machine is reset. Like a reset by the driver by default.
    mutating func systemReset()

    /// Reads little-endian bytes from the configuration space.
    ///
    /// - Parameters:
    ///   - offset: in bytes, any, also beyond the end.
    ///   - size: 1, 2, 4 or 8 bytes.
    /// - Returns: the value; zero for bytes that do not exist; bits beyond the size are ignored. Zero by default.
    func readConfiguration(offset: UInt64, size: Int) -> UInt64
    /// Writes little-endian bytes to the configuration space. Ignored by default.
    mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64)

    /// Takes chains from a queue until there is none.
    ///
    /// A device that stops before, because it can't take more for now, is not called for what the driver adds: it goes
    /// on by itself, through the transport's `withQueue`, and there takes chains until there is none.
    ///
    /// - Throws: what the driver did wrong; the device then needs a reset.
    mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError)
}

extension VirtioDevice {
    public var queueFeatures: UInt64 { VirtioFeature.ofQueues }

    public var isServedElsewhere: Bool { false }

    public var breakdown: VirtqueueError? { nil }

    public var configurationGeneration: UInt32 { 0 }

    public mutating func accepts(features: UInt64) -> Bool { true }

    public mutating func activate(features: UInt64) {}

    public mutating func activate(features: UInt64, queues: [QueueSetup?]) { activate(features: features) }

    public mutating func stop(queue index: Int) {}

    public mutating func abandon(queue index: Int) { stop(queue: index) }

    public mutating func reset() {}

    public mutating func systemReset() { reset() }

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 { 0 }

    public mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64) {}
}
