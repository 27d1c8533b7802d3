import CLinux
import Glibc
import Host
import SystemPackage
import Testing

@Suite struct ThreadTests {
    private static func text(of path: String) -> String {
        guard let file = fopen(path, "r") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte >= 0 { bytes.append(UInt8(byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The number of the calling thread: the last component of where /proc/thread-self leads.
    private static func ownIdentity() -> Int {
        var target = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self", &target, target.count)
        let path = String(decoding: target.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return path.split(separator: "/").last.flatMap { Int($0) } ?? 0
    }

    @Test func aThreadRestsOrIsAtWork() throws {
        let pipe = try FileDescriptor.pipe()
        defer {
            try? pipe.readEnd.close()
            try? pipe.writeEnd.close()
        }
        let reader = pipe.readEnd.rawValue
        let isOver = Counter()
        let thread = try Thread(name: "name) R", kickable: false) {
            var byte: UInt8 = 0
            _ = cl_read(reader, &byte, 1)
            while isOver.value == 0 {}
        }
        func becomes(_ isAtWork: Bool) -> Bool {
            for _ in 0..<10_000 where thread.isAtWork != isAtWork { usleep(1000) }
            return thread.isAtWork == isAtWork
        }
        #expect(becomes(false))
        let rested = thread.processorTime
        usleep(30_000)
        #expect(thread.processorTime == rested, "time goes by, but it has none of it")
        _ = try pipe.writeEnd.writeAll([1])
        #expect(becomes(true))
        for _ in 0..<10_000 where thread.processorTime < rested + 20 { usleep(1000) }
        #expect(thread.processorTime >= rested + 20)
        isOver.add()
        thread.join()
        #expect(!thread.isAtWork, "it is gone")
    }

    @Test func aKickInterruptsASystemCall() throws {
        try Thread.installKickHandler()
        let pipe = try FileDescriptor.pipe()
        defer {
            try? pipe.readEnd.close()
            try? pipe.writeEnd.close()
        }
        let interrupted = Counter()
        let reader = pipe.readEnd.rawValue
        let thread = try Thread(name: "kicked", kickable: true) {
            var byte: UInt8 = 0
            while cl_read(reader, &byte, 1) == -Int(EINTR) { interrupted.add() }
        }
        for expected in 1...3 {
            // The thread may not have got there yet, so it is kicked until it has noticed.
            while interrupted.value < expected {
                thread.kick()
                usleep(1000)
            }
        }
        try pipe.writeEnd.write(all: [1])
        thread.join()
        #expect(interrupted.value >= 3)
    }

    @Test func otherThreadsBlockTheKickAndEverySignalButFaults() throws {
        let (started, done) = (try EventDescriptor(), try EventDescriptor())
        let identity = Counter()
        let thread = try Thread(name: "a thread with a very long name") {
            identity.set(Self.ownIdentity())
            started.signal()
            done.wait()
        }
        started.wait()
        let task = "/proc/self/task/\(identity.value)/"
        #expect(Self.text(of: task + "comm") == "a thread with a\n")
        let blocked = Self.text(of: task + "status").split(separator: "\n").first { $0.hasPrefix("SigBlk:") }
        let digits = try #require(blocked?.dropFirst(8))
        let mask = try #require(UInt64(digits, radix: 16))
        func isBlocked(_ signal: CInt) -> Bool { mask >> UInt64(signal - 1) & 1 == 1 }
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPIPE, SIGWINCH, cl_kick_signal()] {
            #expect(isBlocked(signal), "\(signal)")
        }
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT] {
            #expect(!isBlocked(signal), "\(signal)")
        }
        thread.kick()
        done.signal()
        thread.join()
    }

    /// A thread that nobody joins must not leave its stack behind.
    @Test func threadsThatNobodyJoinsLeaveNothing() async {
        await #expect(processExitsWith: .success) {
            func mappings() -> Int { ThreadTests.text(of: "/proc/self/maps").split(separator: "\n").count }
            func start(_ count: Int) throws {
                for _ in 0..<count {
                    let done = try EventDescriptor()
                    _ = try Thread(name: "forgotten") { done.signal() }
                    done.wait()
                }
                // The last of them may still be on their way out.
                usleep(50_000)
            }
            try start(50)
            let before = mappings()
            try start(200)
            #expect(mappings() < before + 100)
        }
    }

    /// The signal is not ours alone: what others send goes to the handler that was there before.
    @Test func aKickIsNobodyElsesAndOthersSignalsAreTheirs() async {
        await #expect(processExitsWith: .exitCode(42)) {
            signal(cl_kick_signal()) { _ in _exit(42) }
            try Thread.installKickHandler()
            try Thread.installKickHandler()
            let returned = try EventDescriptor()
            let thread = try Thread(name: "kicked", kickable: true) {
                sleep(10)
                returned.signal()
                sleep(10)
            }
            while returned.drain() == 0 {
                thread.kick()
                usleep(1000)
            }
            kill(getpid(), cl_kick_signal())
            thread.join()
        }
    }
}
