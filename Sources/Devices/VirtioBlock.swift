import DiskIO
import GuestMemory
import Host
import Virtio

/// The block device (virtio specification, 5.2): a disk whose requests are carried out side by side.
public struct VirtioBlock: VirtioDevice {
    public let deviceID: UInt32 = 2
    public let features: UInt64
    public let queueSizes: [UInt16]

    private let configuration: VirtioBlockConfiguration
    private let space: [UInt8]
    private var queues: [VirtioBlockQueue]
    /// Whether the driver does without flushes, and relies on what it wrote being on the disk (5.2.6.2).
    private var writesThrough = false

    private var problem: DiskProblem?

    /// - Parameters:
    ///   - engines: one for each queue, each good for as many requests at a time as the queue has descriptors.
    ///   - memory: where the driver's buffers are.
    public init(_ configuration: VirtioBlockConfiguration, engines: [any DiskEngine], memory: GuestMemory) {
        precondition(engines.count == configuration.queueCount)
        self.configuration = configuration
        features = configuration.features
        queueSizes = Array(repeating: configuration.queueSize, count: configuration.queueCount)
        space = configuration.bytes
        queues = engines.map {
            VirtioBlockQueue(
                engine: $0, memory: memory, limit: Int(configuration.queueSize), isCached: configuration.isCached)
        }
    }

    public mutating func activate(features: UInt64) {
        writesThrough = features & VirtioBlockConfiguration.Feature.flush == 0
    }

    /// Waits for what is under way in the queue: its buffers are the driver's again.
    public mutating func stop(queue index: Int) {
        queues[index].drain()
    }

    /// Waits for nothing, as whoever serves the queue may be the one to be held up. The driver has its buffers back when it
    /// has reset the device.
    public mutating func abandon(queue index: Int) {}

    /// Waits for what is under way: from now on the driver's memory is its own.
    public mutating func reset() {
        for index in queues.indices { queues[index].drain() }
        writesThrough = false
    }

    public func readConfiguration(offset: UInt64, size: Int) -> UInt64 {
        guard offset < UInt64(space.count) else { return 0 }
        return space.dropFirst(Int(offset)).prefix(size).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    public mutating func process(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        queues[index].beginTurn()
        try beginWaiting(index, queue)
        // What the host had in its memory is done by now.
        try finish(queue: index, queue)
    }

    /// Gives requests that are done back to the driver, and takes up what had to wait for them.
    public mutating func complete(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        queues[index].beginTurn()
        try finish(queue: index, queue)
    }

    private mutating func finish(queue index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        let wasFull = !queues[index].hasRoom
        queues[index].hasLostWrites = queues.contains(where: \.hasLostWrites)
        if let found = try queues[index].complete(queue) { problem = found.problem }
        guard wasFull, queues[index].hasRoom else { return }
        try beginWaiting(index, queue)
    }

    /// Begins as many of the driver's requests as there is room for.
    private mutating func beginWaiting(_ index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        while queues[index].hasRoom, let chain = try queue.nextChain() {
            try begin(chain, index, queue)
        }
        queues[index].engine.start()
    }

    /// What the device's owner looks at after a queue's turn.
    public struct Outcome: Sendable {
        /// When the queue is to have another turn at the latest, so that the driver is told of what is done; nil where it
        /// knows all.
        public let deadline: MonotonicInstant?
        /// What the host said when it last did not carry out a request; nil where it did.
        public let problem: DiskProblem?
    }

    public func outcome(ofQueue index: Int) -> Outcome {
        Outcome(deadline: queues[index].deadline, problem: problem)
    }

    /// Takes requests that are done away, while their queue can't be used: nobody waits for them.
    public mutating func dropCompletions(queue index: Int) {
        queues[index].dropCompletions()
    }

    // MARK: Requests

    /// The types of requests (5.2.6).
    private enum RequestType {
        static let read: UInt32 = 0
        static let write: UInt32 = 1
        static let flush: UInt32 = 4
        static let getID: UInt32 = 8
        static let discard: UInt32 = 11
        static let writeZeroes: UInt32 = 13
    }

    private static let headerLength: UInt64 = 16

    /// - Throws: for a chain without room for header and status, and for queues that are broken.
    private mutating func begin(_ chain: DescriptorChain, _ index: Int, _ queue: SplitQueue) throws(VirtqueueError) {
        let type = try queue.loadUInt32(at: 0, of: chain)
        let sector = try queue.loadUInt64(at: 8, of: chain)
        guard chain.writableLength > 0 else { throw .buffersTooShort(needed: 1, available: 0) }
        var status: GuestAddress?
        try queue.forEachWritablePiece(of: chain, at: chain.writableLength - 1, count: 1) { piece in
            status = piece.address
        }
        guard let status else { return }
        let job = VirtioBlockQueue.Job(chain: chain, status: status)
        switch type {
        case RequestType.read:
            try transfer(job, .read, sector, bytes: chain.writableLength - 1, index, queue)
        case RequestType.write where !configuration.isReadOnly:
            let operation = DiskOperation.write(durable: writesThrough && !configuration.ignoresFlushes)
            try transfer(job, operation, sector, bytes: chain.readableLength - Self.headerLength, index, queue)
        case RequestType.flush where !configuration.isReadOnly && !configuration.ignoresFlushes:
            queues[index].submit(job, DiskRequest(.flush, vectors: queues[index].nextVectors()))
        case RequestType.flush:
            try queue.answer(job, .ok)
        case RequestType.getID:
            try giveSerial(job, queue)
        case RequestType.discard where configuration.discards && !configuration.isReadOnly:
            try changeRange(job, isDiscard: true, index, queue)
        case RequestType.writeZeroes where configuration.discards && !configuration.isReadOnly:
            try changeRange(job, isDiscard: false, index, queue)
        case RequestType.write, RequestType.discard, RequestType.writeZeroes:
            try queue.answer(job, configuration.isReadOnly ? .ioError : .unsupported)
        default:
            try queue.answer(job, .unsupported)
        }
    }

    private mutating func transfer(
        _ job: VirtioBlockQueue.Job, _ operation: DiskOperation, _ sector: UInt64, bytes count: UInt64, _ index: Int,
        _ queue: SplitQueue
    ) throws(VirtqueueError) {
        guard count % UInt64(configuration.blockSize) == 0, let offset = offset(of: sector, count) else {
            return try queue.answer(job, .ioError)
        }
        guard count > 0 else { return try queue.answer(job, .ok) }
        let vectors = queues[index].nextVectors()
        let add = { (piece: GuestBuffer) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                try vectors.append(piece.address, count: piece.count)
            } catch {
                throw .memory(error)
            }
        }
        if case .read = operation {
            try queue.forEachWritablePiece(of: job.chain, at: 0, count: count, add)
        } else {
            try queue.forEachReadablePiece(of: job.chain, at: Self.headerLength, count: count, add)
        }
        queues[index].submit(job, DiskRequest(operation, offset: offset, count: count, vectors: vectors))
    }

    /// Where on the disk a range begins; nil where it is not all there, or not in whole blocks.
    private func offset(of sector: UInt64, _ count: UInt64) -> UInt64? {
        let sectors = count / VirtioBlockConfiguration.sectorSize
        let (end, overflow) = sector.addingReportingOverflow(sectors)
        guard !overflow, end <= configuration.sectorCount else { return nil }
        let offset = sector * VirtioBlockConfiguration.sectorSize
        return offset % UInt64(configuration.blockSize) == 0 ? offset : nil
    }

    private func giveSerial(_ job: VirtioBlockQueue.Job, _ queue: SplitQueue) throws(VirtqueueError) {
        let length = VirtioBlockConfiguration.serialLength
        guard job.chain.writableLength > UInt64(length) else { return try queue.answer(job, .ioError) }
        // It ends with a zero unless it takes all of the room.
        let bytes = Array(configuration.serial.utf8.prefix(length))
        let padded = bytes + Array(repeating: 0, count: length - bytes.count)
        try queue.write(unsafe padded.span.bytes, at: 0, of: job.chain)
        try queue.answer(job, .ok, written: UInt32(length))
    }

    /// Discards or zeroes a range: one segment of a sector's number, a count and flags (5.2.6.1).
    private mutating func changeRange(
        _ job: VirtioBlockQueue.Job, isDiscard: Bool, _ index: Int, _ queue: SplitQueue
    ) throws(VirtqueueError) {
        let chain = job.chain
        guard chain.readableLength == Self.headerLength + 16 else { return try queue.answer(job, .ioError) }
        let sector = try queue.loadUInt64(at: Self.headerLength, of: chain)
        let count = UInt64(try queue.loadUInt32(at: Self.headerLength + 8, of: chain))
        let flags = try queue.loadUInt32(at: Self.headerLength + 12, of: chain)
        let mayUnmap = flags & 1 != 0
        guard flags & ~1 == 0, !(isDiscard && mayUnmap) else { return try queue.answer(job, .unsupported) }
        let bytes = count * VirtioBlockConfiguration.sectorSize
        guard bytes <= VirtioBlockConfiguration.rangeLimit, bytes % UInt64(configuration.blockSize) == 0,
            let offset = offset(of: sector, bytes)
        else {
            return try queue.answer(job, .ioError)
        }
        guard bytes > 0 else { return try queue.answer(job, .ok) }
        let operation: DiskOperation = isDiscard ? .discard : .zero(keepsRoom: !mayUnmap)
        let vectors = queues[index].nextVectors()
        queues[index].submit(
            job, DiskRequest(operation, offset: offset, count: bytes, vectors: vectors),
            isFlushed: !isDiscard && writesThrough && !configuration.ignoresFlushes)
    }
}
