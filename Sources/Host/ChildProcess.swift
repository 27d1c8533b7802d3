import CLinux
import Glibc
import SystemPackage

/// A program that runs beside this one, started by it (`posix_spawn(3)`).
public final class ChildProcess {
    /// How a process ended.
    public enum Ending: Sendable, Equatable, CustomStringConvertible {
        case exited(status: Int32)
        case killed(signal: Int32)

        public var description: String {
            switch self {
            case .exited(let status): "status \(status)"
            case .killed(let signal): "signal \(signal)"
            }
        }
    }

    public let process: Int32
    private var ending: Ending?

    /// The number that the first descriptor which goes along has in the program; the others follow it.
    public static let inheritedNumber: Int32 = 3

    /// Starts a program. It gets its standard descriptors and some further ones, beside what this process does not close
    /// at `exec`; no signal is blocked, and broken pipes end it.
    ///
    /// - Parameters:
    ///   - arguments: without the program's own name, which is the last component of its path.
    ///   - inherited: become its descriptors from `inheritedNumber` on.
    ///   - isApart: whether it has a process group of its own, which a terminal's keys don't reach.
    /// - Throws: `SystemCallError` where it can't be started.
    public init(
        _ program: FilePath, _ arguments: [String], input: FileDescriptor, output: FileDescriptor,
        error: FileDescriptor, inherited: [FileDescriptor], isApart: Bool = false
    ) throws(SystemCallError) {
        let given = [input, output, error] + inherited
        // One whose number another one is to get would be lost on the way.
        let apart = try Self.duplicates(of: given, above: CInt(given.count))
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in given.enumerated() {
            let source = apart[descriptor.rawValue]?.rawValue ?? descriptor.rawValue
            unsafe posix_spawn_file_actions_adddup2(&actions, source, CInt(number))
        }
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { _ = unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | (isApart ? POSIX_SPAWN_SETPGROUP : 0)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        defer { extendLifetime(apart) }
        process = try unsafe ProcessImage.spawn(program, arguments, &actions, &attributes)
    }

    /// Duplicates of those descriptors whose numbers are below a limit, above it, by their numbers.
    private static func duplicates(
        of descriptors: [FileDescriptor], above limit: CInt
    ) throws(SystemCallError) -> [CInt: SharedFileDescriptor] {
        var duplicates: [CInt: SharedFileDescriptor] = [:]
        for number in Set(descriptors.map(\.rawValue)) where number < limit {
            duplicates[number] = SharedFileDescriptor(
                try OwnedFileDescriptor(
                    result: Int(cl_duplicate_above(number, limit)), of: "fcntl", subject: "F_DUPFD_CLOEXEC"))
        }
        return duplicates
    }

    /// How it ended; nil while it runs.
    public func poll() -> Ending? { wait(options: WNOHANG) }

    /// Waits for its end.
    @discardableResult public func wait() -> Ending? { wait(options: 0) }

    private func wait(options: CInt) -> Ending? {
        guard ending == nil else { return ending }
        var status: CInt = 0
        var result: pid_t
        repeat { result = unsafe waitpid(process, &status, options) } while result < 0 && errno == EINTR
        if result == process {
            let signal = status & 0x7f
            ending = signal == 0 ? .exited(status: status >> 8 & 0xff) : .killed(signal: signal)
        }
        return ending
    }

    /// Sends it a signal, unless it has ended.
    public func send(signal: Int32) {
        if poll() == nil { kill(process, signal) }
    }
}
