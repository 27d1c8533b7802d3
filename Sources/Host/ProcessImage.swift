import CLinux
import Glibc
import SystemPackage

/// The program that the process runs, and others that it becomes or starts.
public enum ProcessImage {
    /// The program's file.
    ///
    /// - Throws: `SystemCallError` where `/proc` is not there.
    public static func path() throws(SystemCallError) -> FilePath {
        FilePath(try FilePath("/proc/self/exe").symbolicLinkTarget())
    }

    /// What the process was started with, the name that it was called by first. `CommandLine.arguments` has the same, but
    /// finds it by way of `/proc/self/maps` and `/proc/self/cmdline`, which a start can be spared.
    public static var arguments: [String] {
        (0..<cl_argument_count()).compactMap { index in
            unsafe cl_argument(index).map { unsafe String(cString: $0) }
        }
    }

    /// Makes sure that standard input, output and error are open, so that no other descriptor gets their numbers.
    public static func reserveStandardDescriptors() {
        for number in CInt(0)...2 where fcntl(number, F_GETFD) < 0 {
            // The lowest free number is this one; without /dev/null there is nothing to be done.
            _ = unsafe open("/dev/null", O_RDWR)
        }
    }

    /// Becomes another program (`execv(2)`), which gets the standard descriptors and those that are named, no other.
    ///
    /// - Parameter arguments: without the program's own name, which is the last component of its path.
    /// - Returns: only where that failed, with the reason.
    public static func replace(
        with program: FilePath, arguments: [String], keeping descriptors: [FileDescriptor]
    ) -> SystemCallError {
        keepOnly(descriptors)
        let reason = unsafe withArgumentVector([program.lastComponent?.string ?? ""] + arguments) { vector in
            unsafe execv(program.string, vector)
            return errno
        }
        return SystemCallError("exec", Errno(rawValue: reason), subject: program.string)
    }

    /// Has the next program get the standard descriptors and those that are named.
    private static func keepOnly(_ descriptors: [FileDescriptor]) {
        let kept = Set(descriptors.map(\.rawValue))
        for name in (try? FilePath("/proc/self/fd").directoryEntries()) ?? [] {
            guard let number = CInt(name), number > 2 else { continue }
            // The listing's own descriptor is among them, closed by now: an error that does not matter.
            _ = fcntl(number, F_SETFD, kept.contains(number) ? 0 : FD_CLOEXEC)
        }
    }

    /// Starts a program in a session of its own (`setsid(2)`), which no terminal ends. It gets the descriptors that are
    /// named; standard input and output are `/dev/null`.
    ///
    /// - Parameter errors: its standard error.
    /// - Returns: the number of the process.
    public static func startInBackground(
        _ program: FilePath, arguments: [String], keeping descriptors: [FileDescriptor], errors: FileDescriptor
    ) throws(SystemCallError) -> Int32 {
        keepOnly(descriptors)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors.rawValue, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { _ = unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Self.newSession)
        return try unsafe spawn(program, arguments, &actions, &attributes)
    }

    /// `POSIX_SPAWN_SETSID` of spawn.h, which glibc has for its own extensions only.
    private static let newSession: Int16 = 0x80

    /// Waits for the end of a process that this one started.
    ///
    /// - Returns: its exit status, or 128 and the signal's number that ended it.
    public static func wait(for process: Int32) -> Int {
        var status: CInt = 0
        while unsafe waitpid(process, &status, 0) < 0 && errno == EINTR {}
        let signal = Int(status & 0x7f)
        return signal != 0 ? 128 + signal : Int(status >> 8 & 0xff)
    }

    /// Runs a program to its end; its standard error is this process's, its input is empty.
    ///
    /// - Returns: what it wrote to standard output, and its exit status, or 128 and the signal's number that ended it.
    public static func output(
        of program: FilePath, arguments: [String], showsErrors: Bool = true
    ) throws(SystemCallError) -> (text: String, status: Int) {
        // dup2 in the child leaves its copy open; these must not go along.
        let pipe = try Pipe()
        let child = try start(program, arguments, output: pipe.writeEnd.descriptor, showsErrors: showsErrors)
        let reader = pipe.takeReadEnd()
        var text: [UInt8] = []
        reading: while true {
            switch try? ByteStream.read(reader.descriptor) {
            case .bytes(let bytes): text += bytes
            case .wouldBlock: continue
            case .end, nil: break reading
            }
        }
        return (String(decoding: text, as: UTF8.self), wait(for: child))
    }

    private static func start(
        _ program: FilePath, _ arguments: [String], output: FileDescriptor, showsErrors: Bool
    ) throws(SystemCallError) -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { _ = unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output.rawValue, 1)
        if !showsErrors { unsafe posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0) }
        return try unsafe spawn(program, arguments, &actions, nil)
    }

    /// Starts a program with the environment of this one.
    static func spawn(
        _ program: FilePath, _ arguments: [String], _ actions: UnsafePointer<posix_spawn_file_actions_t>,
        _ attributes: UnsafePointer<posix_spawnattr_t>?
    ) throws(SystemCallError) -> pid_t {
        var child: pid_t = 0
        let result = unsafe withArgumentVector([program.lastComponent?.string ?? ""] + arguments) { vector in
            unsafe posix_spawn(&child, program.string, actions, attributes, vector, environ)
        }
        guard result == 0 else {
            throw SystemCallError("exec", Errno(rawValue: result), subject: program.string)
        }
        return child
    }

    /// Calls a function with arguments as C takes them: an array of C strings that ends with a null pointer.
    static func withArgumentVector<Result>(
        _ arguments: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: arguments.count + 1)
        defer { unsafe vector.deallocate() }
        for (index, argument) in arguments.enumerated() {
            unsafe (vector + index).initialize(to: strdup(argument))
        }
        unsafe (vector + arguments.count).initialize(to: nil)
        defer {
            for index in arguments.indices {
                unsafe free(vector[index])
            }
        }
        return unsafe body(vector)
    }
}
