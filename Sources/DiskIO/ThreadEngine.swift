import CLinux
import GuestMemory
import Host
import Synchronization
import SystemPackage

/// Requests by a few threads that wait for the disk: for hosts without io_uring.
public final class ThreadEngine: DiskEngine {
    public var completions: FileDescriptor { shared.done.descriptor }
    private let shared: Shared
    private var threads: [Thread] = []

    /// Requests that a disk works on at a time.
    private static let threadCount = 8

    private struct Job {
        let request: DiskRequest
        let tag: Int
    }

    private struct Lists {
        var waiting: [Job] = []
        var results: [(tag: Int, result: Int)] = []
        var isClosed = false
    }

    private final class Shared: Sendable {
        let disk: FileDescriptor
        let lists = Mutex(Lists())
        /// Readable while something waits, or the threads are to end.
        let work: EventDescriptor
        let done: EventDescriptor

        init(disk: FileDescriptor) throws(SystemCallError) {
            self.disk = disk
            work = try EventDescriptor()
            done = try EventDescriptor()
        }
    }

    /// - Parameter disk: stays the caller's, and stays open.
    /// - Throws: `SystemCallError`: EAGAIN where the host allows no more threads; EMFILE.
    public init(disk: FileDescriptor) throws(SystemCallError) {
        let shared = try Shared(disk: disk)
        self.shared = shared
        do throws(SystemCallError) {
            for _ in 0..<Self.threadCount {
                threads.append(try Self.startThread(shared))
            }
        } catch {
            end()
            throw error
        }
    }

    deinit {
        end()
    }

    private func end() {
        shared.lists.withLock {
            $0.isClosed = true
            shared.work.signal()
        }
        for thread in threads { thread.join() }
    }

    public func submit(_ request: DiskRequest, tag: Int) {
        shared.lists.withLock {
            $0.waiting.append(Job(request: request, tag: tag))
            shared.work.signal()
        }
    }

    public func start() {}

    public func takeCompletions(_ body: (_ tag: Int, _ result: Int) -> Void) {
        shared.done.drain()
        let results = shared.lists.withLock { lists in
            defer { lists.results.removeAll(keepingCapacity: true) }
            return lists.results
        }
        for (tag, result) in results { body(tag, result) }
    }

    public func waitForCompletion() {
        while shared.lists.withLock({ $0.results.isEmpty }) {
            shared.done.wait()
        }
        // It was taken here, and is to be told still.
        shared.done.signal()
    }

    private static func startThread(_ shared: Shared) throws(SystemCallError) -> Thread {
        try Thread(name: "disk") { serve(shared) }
    }

    private static func serve(_ shared: Shared) {
        while true {
            let job: Job?? = shared.lists.withLock { lists in
                guard !lists.isClosed else { return .some(nil) }
                guard !lists.waiting.isEmpty else {
                    // All see that there is nothing, until somebody says that there is.
                    shared.work.drain()
                    return nil
                }
                return lists.waiting.removeFirst()
            }
            switch job {
            case nil: cl_wait_readable(shared.work.descriptor.rawValue)
            case .some(nil): return
            case .some(let job?):
                let result = perform(job.request, on: shared.disk)
                shared.lists.withLock { $0.results.append((job.tag, result)) }
                shared.done.signal()
            }
        }
    }

    /// What `takeCompletions` tells of a request.
    private static func perform(_ request: DiskRequest, on disk: FileDescriptor) -> Int {
        let pieces = unsafe request.vectors.portion
        while true {
            let result =
                switch request.operation {
                case .read:
                    unsafe cl_preadv(disk.rawValue, pieces.baseAddress, CInt(pieces.count), request.offset)
                case .write(let durable):
                    unsafe cl_pwritev(disk.rawValue, pieces.baseAddress, CInt(pieces.count), request.offset, durable)
                case .flush:
                    Int(cl_sync_data(disk.rawValue))
                case .discard, .zero(keepsRoom: false):
                    Int(cl_change_range(disk.rawValue, CInt(CL_PUNCH_HOLE), request.offset, request.count))
                case .zero(keepsRoom: true):
                    Int(cl_change_range(disk.rawValue, CInt(CL_ZERO_RANGE), request.offset, request.count))
                }
            if result != Int(-EINTR) { return result }
        }
    }
}
