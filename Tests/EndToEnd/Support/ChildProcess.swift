import Glibc

/// A process that a test started. It ends with this value at the latest.
final class ChildProcess {
    enum Status: Equatable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    let pid: pid_t
    /// How it ended; nil while nobody has seen it end.
    private(set) var status: Status?

    /// Starts a program.
    ///
    /// - Parameters:
    ///   - arguments: the program's path (or its name, to be found in `PATH`), and what follows.
    ///   - streams: descriptors of this process that become its standard input, output and error.
    ///   - environment: variables to add to this process's own.
    init(_ arguments: [String], streams: (Int32, Int32, Int32), environment: [String: String] = [:]) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (target, source) in [streams.0, streams.1, streams.2].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, source, Int32(target))
        }
        // What the test's runner blocks or ignores is not the program's.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var strings = arguments.map { strdup($0) } + [nil]
        var variables = Self.inherited(without: environment.keys).map { strdup($0) }
        variables += environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { (strings + variables).forEach { free($0) } }
        var child = pid_t()
        let error = posix_spawnp(&child, arguments[0], &actions, &attributes, &strings, &variables)
        guard error == 0 else {
            throw TestFailure("starting \(arguments[0]): \(String(cString: strerror(error)))")
        }
        pid = child
    }

    deinit {
        end()
    }

    /// Kills it, if it still runs.
    func end() {
        guard poll() == nil else { return }
        kill(pid, SIGKILL)
        var result: Int32 = 0
        while waitpid(pid, &result, 0) < 0, errno == EINTR {}
        status = Self.status(result)
    }

    /// How it ended; nil while it runs.
    func poll() -> Status? {
        if status == nil {
            var result: Int32 = 0
            if waitpid(pid, &result, WNOHANG) == pid {
                status = Self.status(result)
            }
        }
        return status
    }

    func send(signal: Int32) {
        guard poll() == nil else { return }
        kill(pid, signal)
    }

    private static func status(_ result: Int32) -> Status {
        // As <sys/wait.h> has it, whose macros are not imported.
        let signal = result & 0x7F
        return signal == 0 ? .exited(result >> 8 & 0xFF) : .killed(signal: signal)
    }

    private static func inherited(without names: some Collection<String>) -> [String] {
        var entries: [String] = []
        var next = environ
        while let entry = next.pointee {
            let text = String(cString: entry)
            if !names.contains(where: { text.hasPrefix($0 + "=") }) {
                entries.append(text)
            }
            next += 1
        }
        return entries
    }
}
