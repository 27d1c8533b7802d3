import DiskIO
import GuestMemory
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
        /// Bytes read for the driver.
        var done: UInt64 = 0
    }

    let engine: any DiskEngine
    private var slots: [Slot] = []
    private var free: [Int] = []
    private let memory: GuestMemory
    private let limit: Int

    /// - Parameter limit: requests at a time.
    init(engine: any DiskEngine, memory: GuestMemory, limit: Int) {
        self.engine = engine
        self.memory = memory
        self.limit = limit
    }

    var hasRoom: Bool { !free.isEmpty || slots.count < limit }

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

    mutating func submit(_ job: Job, _ request: DiskRequest) {
        let index = free.removeLast()
        slots[index].job = job
        slots[index].request = request
        slots[index].done = 0
        engine.submit(request, tag: index)
    }

    /// Gives what is done back to the driver.
    ///
    /// - Returns: nil where nothing was done.
    mutating func complete(_ queue: SplitQueue) throws(VirtqueueError) -> Finding? {
        var finding: Finding?
        var failure: VirtqueueError?
        takeCompletions { job, slot, problem in
            finding = Finding(problem: problem)
            guard failure == nil else { return }
            do throws(VirtqueueError) {
                try queue.answer(job, problem == nil ? .ok : .ioError, written: UInt32(clamping: slot.done))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return finding
    }

    mutating func dropCompletions() {
        takeCompletions { _, _, _ in }
    }

    /// Waits until nothing is under way, and forgets it.
    mutating func drain() {
        while slots.count > free.count {
            engine.waitForCompletion()
            dropCompletions()
        }
    }

    /// Calls the body for each request that is done; the rest of one that was done in part goes on.
    private mutating func takeCompletions(_ body: (Job, Slot, DiskProblem?) -> Void) {
        var unfinished = false
        engine.takeCompletions { tag, result in
            switch outcome(of: tag, result) {
            case .goOn:
                engine.submit(slots[tag].request, tag: tag)
                unfinished = true
            case .done(let problem):
                if let job = slots[tag].job { body(job, slots[tag], problem) }
                slots[tag].job = nil
                free.append(tag)
            }
        }
        if unfinished { engine.start() }
    }

    private enum Outcome {
        case goOn
        case done(DiskProblem?)
    }

    private mutating func outcome(of tag: Int, _ result: Int) -> Outcome {
        if let errno = UringEngine.errno(of: result) {
            // The kernel could not begin it just then.
            if errno == .resourceTemporarilyUnavailable || errno == .interrupted { return .goOn }
            return .done(.host(slots[tag].request.operation.access, errno))
        }
        switch slots[tag].request.operation {
        case .read, .write: break
        case .flush, .discard, .zero: return .done(nil)
        }
        let count = UInt64(result)
        guard count > 0 else { return .done(.endOfFile) }
        slots[tag].request.vectors.removeFirst(count)
        slots[tag].request.offset += count
        if case .read = slots[tag].request.operation { slots[tag].done += count }
        return slots[tag].request.vectors.byteCount > 0 ? .goOn : .done(nil)
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
