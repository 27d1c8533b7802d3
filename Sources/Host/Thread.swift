import CLinux
import Synchronization
import SystemPackage

/// A thread of its own (`pthread_create(3)`), with every signal blocked but the kick where it asks for that.
///
/// It runs on when nobody has this object any more.
public final class Thread: Sendable {
    private let handle: pthread_t
    private let number: Number
    private let isJoined = Atomic<Bool>(false)

    private final class Body {
        let number: Number
        let run: () -> Void
        init(_ number: Number, _ run: @escaping () -> Void) { (self.number, self.run) = (number, run) }
    }

    /// What the host calls the thread; 0 until it runs.
    private final class Number: Sendable {
        let value = Atomic<Int32>(0)
    }

    /// Starts a thread.
    ///
    /// - Parameters:
    ///   - name: at most 15 bytes of it are shown by the host.
    ///   - kickable: whether `kick()` interrupts its system calls; needs `installKickHandler()`.
    /// - Throws: `SystemCallError`: EAGAIN where the host allows no more threads.
    public init(name: String, kickable: Bool = false, _ run: sending @escaping () -> Void) throws(SystemCallError) {
        number = Number()
        let body = unsafe Unmanaged.passRetained(Body(number, run))
        var created = pthread_t()
        let result = unsafe cl_thread_create(
            &created, name, Self.stackSize, kickable ? cl_kick_signal() : 0,
            { argument in
                guard let argument = unsafe argument else { return }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                body.number.value.store(cl_thread_id(), ordering: .releasing)
                body.run()
            }, body.toOpaque())
        guard result == 0 else {
            unsafe body.release()
            throw SystemCallError("pthread_create", Errno(rawValue: result), subject: name)
        }
        handle = created
    }

    deinit {
        if !isJoined.load(ordering: .relaxed) {
            pthread_detach(handle)
        }
    }

    /// The thread's number on the host (`gettid(2)`).
    public var id: Int32 {
        while true {
            let id = number.value.load(ordering: .acquiring)
            if id != 0 { return id }
            // It was made, and is about to run.
            sched_yield()
        }
    }

    /// Whether the thread runs, or waits for nothing but a processor (state R of proc_pid_stat(5)).
    public var isAtWork: Bool {
        guard let text = KernelText.read(FilePath("/proc/self/task/\(id)/stat")) else { return false }
        // Behind the name, which may have parentheses in it.
        return text.split(separator: ")").last?.hasPrefix(" R") ?? false
    }

    /// Milliseconds of processor time that it has had, in the guest too (`pthread_getcpuclockid(3)`); 0 once it has
    /// ended. To be called before `join()` only.
    public var processorTime: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard unsafe pthread_getcpuclockid(handle, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else {
            return 0
        }
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    /// Waits until the thread has ended. To be called at most once, from another thread.
    public func join() {
        isJoined.store(true, ordering: .relaxed)
        pthread_join(handle, nil)
    }

    /// Interrupts the system call that the thread is in, or the next one: it fails with EINTR. To be called before
    /// `join()` only.
    public func kick() {
        _ = cl_kick_thread(handle)
    }

    /// Installs the process-wide handler of the signal that `kick()` sends (SIGRTMIN); it calls the handler that was
    /// there before. Calling it again does nothing.
    public static func installKickHandler() throws(SystemCallError) {
        let result = cl_install_kick_handler()
        if result < 0 {
            throw SystemCallError("sigaction", Errno(rawValue: -result), subject: "SIGRTMIN")
        }
    }

    /// Has all threads allocate from what the first one has. They need less memory together, and start without making an
    /// arena of their own. To be called before there are others.
    public static func shareAllocations() { cl_share_one_arena() }

    /// Enough for every thread here; only what is touched takes memory.
    private static let stackSize = 1 << 20
}
