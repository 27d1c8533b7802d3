import GuestMemory
import Virtio

/// The console device (virtio specification, 5.3) with its one port: bytes both ways, and the size of the terminal at
/// the other end.
///
/// This is the protocol alone: the owner takes output and gives input. Output that the owner does not take keeps the
/// driver's buffers, until the guest has to wait for them. Input that the driver has no buffer for waits, up to a limit
/// that the owner is told by being refused more.
public struct VirtioConsole: VirtioDevice {
    public let deviceID: UInt32 = 3
    public let features: UInt64
    public let queueSizes: [UInt16] = [64, 64]
    public private(set) var configurationGeneration: UInt32 = 0

    /// The queue with room for input.
    public static let receiveQueue = 0
    /// The queue with output.
    public static let transmitQueue = 1

    /// How many characters a terminal shows.
    public struct Size: Sendable, Equatable {
        public var columns: UInt16
        public var rows: UInt16

        public init(columns: UInt16, rows: UInt16) {
            self.columns = columns
            self.rows = rows
        }
    }

    private enum Feature {
        static let size: UInt64 = 1 << 0
        static let emergencyWrite: UInt64 = 1 << 2
    }

    /// Where the emergency write register is in the configuration space.
    private static let emergencyOffset: UInt64 = 8

    private var size: Size?
    private let onEmergency: @Sendable () -> Void
    private var output = ByteRing(capacity: 1 << 14)
    private var input = ByteRing(capacity: 1 << 12)
    /// The chain that was taken in part, and how many of its bytes were: it is given back when all are.
    private var transmitted: (chain: DescriptorChain, count: UInt64)?
    /// What is copied at once, so that chains of any length take no more memory than this.
    private var copied: [UInt8] = []

    private static let copySize = 4096

    /// - Parameters:
    ///   - size: of the terminal at the other end; nil where there is none, and will be none.
    ///   - onEmergency: called, with the device locked, when there is output that came by no queue.
    public init(size: Size? = nil, onEmergency: @escaping @Sendable () -> Void = {}) {
        self.size = size
        self.onEmergency = onEmergency
        features = Feature.emergencyWrite | (size == nil ? 0 : Feature.size)
        copied.reserveCapacity(Self.copySize)
    }

    /// What was not taken of a chain is lost with it. What the guest said before, and what waits for it, stays.
    public mutating func reset() {
        transmitted = nil
    }

    /// Sets the size of the terminal at the other end, of a device that was made with one.
    ///
    /// - Returns: whether it is another than before: the driver is to be told then.
    public mutating func setSize(_ new: Size) -> Bool {
        guard size != nil, size != new else { return false }
        size = new
        configurationGeneration &+= 1
        return true
    }

    public func readConfiguration(offset: UInt64, size count: Int) -> UInt64 {
        // How many ports there are is not told without VIRTIO_CONSOLE_F_MULTIPORT; what can be written reads as zero.
        let space = UInt64(size?.columns ?? 0) | UInt64(size?.rows ?? 0) << 16
        return offset < Self.emergencyOffset ? space >> (8 * offset) : 0
    }

    public mutating func writeConfiguration(offset: UInt64, size: Int, value: UInt64) {
        guard offset == Self.emergencyOffset else { return }
        // A guest that is in trouble may not have the time to wait for room.
        _ = output.append(UInt8(truncatingIfNeeded: value))
        onEmergency()
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        if index == Self.receiveQueue {
            try deliver(queue)
        } else {
            try transmit(queue)
        }
    }

    // MARK: Output

    /// Moves at most `limit` bytes of output to the end of an array. There may be more behind them in the queue.
    public mutating func takeOutput(upTo limit: Int, appendingTo bytes: inout [UInt8]) {
        output.removeFirst(limit, appendingTo: &bytes)
    }

    /// Takes the driver's output as long as there is room for it.
    private mutating func transmit(_ queue: SplitQueue) throws(VirtqueueError) {
        if let transmitted, !queue.owns(transmitted.chain) {
            self.transmitted = nil
        }
        while !output.isFull {
            if transmitted == nil, let chain = try queue.nextChain() {
                transmitted = (chain, 0)
            }
            guard let (chain, done) = transmitted else { return }
            let count = min(chain.readableLength - done, UInt64(min(output.room, Self.copySize)))
            copied.removeAll(keepingCapacity: true)
            try queue.append(count, at: done, of: chain, to: &copied)
            _ = output.append(copied)
            if done + count < chain.readableLength {
                transmitted = (chain, done + count)
            } else {
                transmitted = nil
                try queue.complete(chain, written: 0)
            }
        }
    }

    // MARK: Input

    /// Takes input for the guest; its queue is to be processed then.
    ///
    /// - Returns: how many bytes were taken, from the start. The owner keeps the rest until there is room: when the
    ///   queue was processed.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) -> Int {
        input.append(bytes)
    }

    /// Gives the driver what waits for it, as long as it has buffers.
    private mutating func deliver(_ queue: SplitQueue) throws(VirtqueueError) {
        while !input.isEmpty {
            guard let chain = try queue.nextChain() else { return }
            let count = Int(min(chain.writableLength, UInt64(min(input.count, Self.copySize))))
            copied.removeAll(keepingCapacity: true)
            input.removeFirst(count, appendingTo: &copied)
            try queue.write(unsafe copied.span.bytes, at: 0, of: chain)
            try queue.complete(chain, written: UInt32(count))
        }
    }
}

extension SplitQueue {
    /// Appends a range of the readable bytes to an array.
    fileprivate func append(
        _ count: UInt64, at offset: UInt64, of chain: DescriptorChain, to bytes: inout [UInt8]
    ) throws(VirtqueueError) {
        try forEachReadablePiece(of: chain, at: offset, count: count) { (piece) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                bytes += try memory.read(Int(piece.count), at: piece.address)
            } catch {
                throw .memory(error)
            }
        }
    }
}
