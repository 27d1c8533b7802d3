import DiskIO
import GuestMemory
import Host
import SystemPackage
import Virtio

/// The requests of one of a block device's queues that are under way.
struct VirtioBlockQueue {
    /// A driver's request.
    struct Job {
        let chain: DescriptorChain
        /// Where its status goes.
        let status: GuestAddress
    }

    /// What a driver is answered (virtio specification, 5.2.6).
    enum Status: UInt8 {
        case ok = 0
        case ioError = 1
        case unsupported = 2
    }

    /// What became of requests.
    struct Finding {
        /// Nil where the last one went well.
        let problem: DiskProblem?
    }

    private struct Slot {
        var job: Job?
        var request: DiskRequest
        var beginning = MonotonicInstant(nanoseconds: 0)
        /// Bytes read for the driver.
        var done: UInt64 = 0
        /// How often the kernel could not begin it.
        var refusals = 0
        /// Whether a flush follows it, before its driver is answered.
        var isFlushed = false
    }

    let engine: any DiskEngine
    private var slots: [Slot] = []
    private var free: [Int] = []
    private let memory: GuestMemory
    private let limit: Int
    private let isCached: Bool
    /// Bytes of the requests that are under way.
    private var byteCount: UInt64 = 0
    /// Bytes that are discarded or zeroed.
    private var rangeCount: UInt64 = 0
    /// Whether a flush has failed, here or for another queue of the disk. The host's kernel says so once, and takes for
    /// written from then on what it has lost: no flush may succeed any more.
    var hasLostWrites = false
    private var moderation = InterruptModeration()
    /// When this turn began.
    private var turn = MonotonicInstant(nanoseconds: 0)

    /// Bytes behind which no more requests are begun: a disk is busy with that, and a reset waits for it.
    private static let byteLimit: UInt64 = 64 << 20
    /// The same of what is discarded and zeroed, which some disks are as slow with as with writes.
    private static let rangeLimit = VirtioBlockConfiguration.rangeLimit
    /// How often the kernel may say in a row that it can't begin a request now.
    private static let patience = 100

    /// - Parameters:
    ///   - limit: requests at a time.
    ///   - isCached: whether what is written goes to the host's page cache first.
    init(engine: any DiskEngine, memory: GuestMemory, limit: Int, isCached: Bool) {
        self.engine = engine
        self.isCached = isCached
        self.memory = memory
        self.limit = limit
    }

    var hasRoom: Bool {
        byteCount < Self.byteLimit && rangeCount < Self.rangeLimit && (!free.isEmpty || slots.count < limit)
    }

    /// When the queue is to have a turn at the latest; nil where the driver was told of all that is done.
    var deadline: MonotonicInstant? { moderation.deadline }

    /// Requests that are under way.
    private var count: Int { slots.count - free.count }

    /// To be called before anything is submitted or completed in a turn.
    mutating func beginTurn() {
        turn = .now()
    }

    /// Empty vectors for the next request that is submitted.
    mutating func nextVectors() -> GuestVectors {
        if free.isEmpty {
            free.append(slots.count)
            slots.append(Slot(request: DiskRequest(.flush, vectors: GuestVectors(of: memory))))
        }
        let vectors = slots[free[free.count - 1]].request.vectors
        vectors.removeAll()
        return vectors
    }

    /// - Parameter isFlushed: whether it is to be on the disk when the driver is answered; a write may say so itself.
    mutating func submit(_ job: Job, _ request: DiskRequest, isFlushed: Bool = false) {
        let index = free.removeLast()
        slots[index].job = job
        slots[index].request = request
        slots[index].beginning = turn
        slots[index].done = 0
        slots[index].refusals = 0
        slots[index].isFlushed = isFlushed
        byteCount += request.vectors.byteCount
        rangeCount += request.range
        engine.submit(request, tag: index)
    }

    /// Gives what is done back to the driver.
    ///
    /// - Returns: nil where nothing was done.
    mutating func complete(_ queue: SplitQueue) throws(VirtqueueError) -> Finding? {
        var finding: Finding?
        var failure: VirtqueueError?
        var moderation = moderation
        let turn = turn
        takeCompletions { job, slot, end in
            moderation.add(begunAt: slot.beginning, doneAt: turn)
            finding = Finding(problem: end.problem)
            guard failure == nil else { return }
            do throws(VirtqueueError) {
                try queue.answer(job, end.status, written: UInt32(clamping: slot.done))
            } catch {
                failure = error
            }
        }
        queue.postponesInterrupt = !moderation.isDue(underWay: count, at: turn)
        self.moderation = moderation
        if let failure { throw failure }
        return finding
    }

    mutating func dropCompletions() {
        takeCompletions { _, _, _ in }
        moderation.forget()
    }

    /// Waits until nothing is under way, and forgets it. What was done in part does not go on.
    mutating func drain() {
        while count > 0 {
            engine.waitForCompletion()
            takeCompletions(goingOn: false) { _, _, _ in }
        }
        moderation.forget()
    }

    /// Calls the body for each request that is done; the rest of one that was done in part goes on.
    private mutating func takeCompletions(goingOn: Bool = true, _ body: (Job, Slot, End) -> Void) {
        var unfinished = false
        engine.takeCompletions { tag, result in
            let end = take(result, of: tag)
            guard let end = end ?? (goingOn ? nil : .well) else {
                engine.submit(slots[tag].request, tag: tag)
                unfinished = true
                return
            }
            byteCount -= slots[tag].request.vectors.byteCount
            rangeCount -= slots[tag].request.range
            if let job = slots[tag].job { body(job, slots[tag], end) }
            slots[tag].job = nil
            free.append(tag)
        }
        if unfinished { engine.start() }
    }

    /// How a request ended.
    private struct End {
        var status = Status.ok
        var problem: DiskProblem?

        static let well = End()
    }

    /// Takes what became of a request.
    ///
    /// - Returns: nil where there is more of it to do.
    private mutating func take(_ result: Int, of tag: Int) -> End? {
        let operation = slots[tag].request.operation
        if let errno = UringEngine.errno(of: result) { return take(errno, of: operation, tag) }
        slots[tag].refusals = 0
        switch operation {
        case .read, .write: break
        case .zero where slots[tag].isFlushed:
            rangeCount -= slots[tag].request.range
            slots[tag].request.operation = .flush
            return nil
        case .flush where hasLostWrites: return End(status: .ioError, problem: .lostWrites)
        case .flush, .discard, .zero: return .well
        }
        let count = min(UInt64(result), slots[tag].request.vectors.byteCount)
        guard count > 0 else { return End(status: .ioError, problem: .endOfFile) }
        slots[tag].request.vectors.removeFirst(count)
        byteCount -= count
        slots[tag].request.offset += count
        if case .read = operation { slots[tag].done += count }
        return slots[tag].request.vectors.byteCount > 0 ? nil : .well
    }

    private mutating func take(_ errno: Errno, of operation: DiskOperation, _ tag: Int) -> End? {
        switch (errno, operation) {
        // The kernel could not begin it just then.
        case (.resourceTemporarilyUnavailable, _), (.interrupted, _):
            slots[tag].refusals += 1
            guard slots[tag].refusals >= Self.patience else { return nil }
            return End(status: .ioError, problem: .host(operation.access, errno))
        // Linux then does without, or writes zeroes itself.
        case (.notSupported, .discard), (.notSupported, .zero): return End(status: .unsupported)
        case (_, .flush): hasLostWrites = isCached
        default: break
        }
        return End(status: .ioError, problem: .host(operation.access, errno))
    }
}

extension DiskRequest {
    /// Bytes that it discards or zeroes.
    fileprivate var range: UInt64 {
        switch operation {
        case .discard, .zero: count
        case .read, .write, .flush: 0
        }
    }
}

extension DiskOperation {
    fileprivate var access: DiskProblem.DiskAccess {
        switch self {
        case .read: .read
        case .write: .write
        case .flush: .flush
        case .discard: .discard
        case .zero: .writeZeroes
        }
    }
}

extension SplitQueue {
    /// Ends a request.
    ///
    /// - Parameter written: bytes that were written for the driver before the status.
    func answer(
        _ job: VirtioBlockQueue.Job, _ status: VirtioBlockQueue.Status, written: UInt32 = 0
    ) throws(VirtqueueError) {
        // The driver of a queue that was reset may have other plans for its memory by now.
        guard owns(job.chain) else { return }
        do throws(GuestMemoryError) {
            try memory.store(status.rawValue, at: job.status)
        } catch {
            throw .memory(error)
        }
        try complete(job.chain, written: written == .max ? .max : written + 1)
    }
}
