import Testing

/// A guest that has booted: its shell on the console, and the monitor.
final class Guest {
    let process: SwiftletProcess
    let monitor: MonitorClient
    private let kernel: GuestKernel
    private var commandCount = 0

    private static let prompt = "guest# "
    /// What the guest's init says when it is ready.
    private static let readiness = "swiftlet guest ready: "
    /// A boot takes seconds, even in an emulated host; on a busy machine it may take much longer.
    static let bootTime: Duration = .seconds(240)

    /// Starts a guest and waits until its shell asks for commands.
    fileprivate init(process: SwiftletProcess, monitorPath: String, kernel: GuestKernel) throws {
        self.process = process
        self.kernel = kernel
        monitor = try MonitorClient(path: monitorPath, of: process)
    }

    var pid: Int32 { process.child.pid }

    /// Waits until init has said that it is ready.
    ///
    /// - Returns: what it said behind that: `Linux RELEASE, N CPUs`.
    @discardableResult
    func waitUntilReady() throws -> String {
        try process.waitFor(Self.readiness, within: Self.bootTime)
        return try process.waitFor("\r\n")
    }

    /// Waits until the shell asks for a command.
    func waitForShell() throws {
        try process.waitFor(Self.prompt, within: Self.bootTime)
    }

    /// Runs a command in the guest's shell.
    ///
    /// - Returns: what it wrote, with line feeds alone at the ends of lines.
    /// - Throws: `TestFailure` where it failed or took too long.
    @discardableResult
    func run(_ command: String, within time: Duration = .seconds(60)) throws -> String {
        commandCount += 1
        // The console shows what is typed. There the marks stand with quotes inside, which their output lacks.
        let (begin, end) = ("BEGIN-\(commandCount)-", "END-\(commandCount)-")
        try process.send("echo BEG''IN-\(commandCount)-; \(command); echo EN''D-\(commandCount)-$?-\n")
        try process.waitFor(begin + "\r\n", within: time)
        let output = try process.waitFor(end, within: time)
        let status = try process.waitFor("-")
        try process.waitFor(Self.prompt)
        let text = output.replacing("\r\n", with: "\n")
        guard status == "0" else {
            throw TestFailure("'\(command)' failed in the guest with status \(status): \(text)")
        }
        return text
    }

    /// Gives a command that ends or resets the guest: nobody waits for its end.
    func begin(_ command: String) throws {
        try process.send(command + "\n")
    }

    /// Shuts the guest down by its own command, and checks the exit status.
    func powerOff() throws {
        try begin("poweroff")
        let status = try process.waitUntilEnded(within: .seconds(120))
        try #require(status == .exited(0))
    }

    /// Ends it by the monitor, and checks the exit status.
    func quit() throws {
        try monitor.send("quit")
        let status = try process.waitUntilEnded()
        try #require(status == .exited(0))
    }
}

/// Boots a guest for a test, up to its shell; it has ended when this returns.
///
/// - Parameters:
///   - arguments: of `swiftlet run`, beside the kernel, its initramfs and the monitor.
///   - isReady: whether to wait for the shell.
///   - body: the test. What it throws becomes an issue with all that the process wrote.
func withGuest(
    _ kernel: GuestKernel, _ arguments: [String], streams: SwiftletProcess.Streams = .pipes, waits: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation, _ body: (Guest) throws -> Void
) throws {
    let directory = try TemporaryDirectory()
    let monitorPath = directory.file("monitor")
    let process = try SwiftletProcess(
        ["run"] + kernel.arguments + ["--monitor", "unix:\(monitorPath)"] + arguments, streams: streams)
    try reportingOutput(of: process, sourceLocation: sourceLocation) {
        let guest = try Guest(process: process, monitorPath: monitorPath, kernel: kernel)
        if waits {
            try guest.waitUntilReady()
            try guest.waitForShell()
        }
        try body(guest)
    }
}

/// Runs a part of a test that has to do with a process, which ends with it.
///
/// Where that part fails, all that the process wrote is recorded too.
func reportingOutput(
    of process: SwiftletProcess, sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) throws {
    defer { process.child.end() }
    do {
        try body()
    } catch {
        ByteSource.wait(for: [process.output, process.errors], until: Deadline(.zero))
        Issue.record("\(process.transcript)", sourceLocation: sourceLocation)
        throw error
    }
}
