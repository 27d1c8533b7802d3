import AgentChannel
import Glibc
import Host
import JSON
import QMPProtocol
import Scenario
import Synchronization
import SystemPackage

/// The machine of a case: a process of `swiftlet run`, what it writes, and who talks to it.
final class TestedMachine: Sendable {
    /// What belongs to the process, for one thread at a time.
    private struct Process {
        let child: ChildProcess
        /// The machine ends when this is closed, also where this process is killed.
        let lifeline: SharedFileDescriptor
    }

    let directory: FilePath
    let number: Int32
    private let process: Mutex<Process>
    private let control: ControlConnection

    var console: FilePath { directory.appending("console") }
    /// Where clients of QMP connect.
    var qmp: FilePath { directory.appending("qmp") }
    var agentSocket: AgentSocket { AgentSocket(directory.appending("vsock")) }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - program: swiftlet.
    ///   - arguments: of `swiftlet run`, but for the channels, which are the case's own.
    ///   - directory: an empty one, for the machine's sockets and what it writes.
    ///   - isWanted: whether anybody still wants it, while it starts.
    /// - Throws: `RunnerError` where it does not start, with what it said.
    init(_ program: FilePath, _ arguments: [String], in directory: FilePath, while isWanted: @Sendable () -> Bool)
        throws
    {
        self.directory = directory
        let pipe = try Pipe()
        let null = try OwnedFileDescriptor(opening: "/dev/null", .readWrite)
        let log = try OwnedFileDescriptor(
            opening: directory.appending("errors"), .writeOnly, options: [.create, .truncate],
            permissions: .ownerReadWrite)
        let channels = [
            "--qmp", "unix:\(directory.appending("qmp"))", "--serial", "file:\(directory.appending("console"))",
            "--end-with", "fd=\(ChildProcess.inheritedNumber)",
        ]
        let child = try ChildProcess(
            program, ["run"] + arguments + channels, input: null.descriptor, output: null.descriptor,
            error: log.descriptor, inherited: [pipe.readEnd.descriptor], isApart: true)
        number = child.process
        let lifeline = SharedFileDescriptor(pipe.takeWriteEnd())
        do {
            control = try ControlConnection(at: directory.appending("qmp")) { isWanted() && child.poll() == nil }
        } catch {
            child.send(signal: SIGKILL)
            let ending = child.wait().map { " (\($0))" } ?? ""
            let text = KernelText.read(directory.appending("errors")) ?? ""
            throw RunnerError("the machine does not start\(ending): \(text.isEmpty ? "\(error)" : text)")
        }
        process = Mutex(Process(child: child, lifeline: lifeline))
    }

    /// Has the machine do something.
    @discardableResult
    func execute(_ command: String, _ arguments: [JSONValue.Member] = []) throws -> JSONValue {
        try control.execute(command, arguments)
    }

    /// How its process ended; nil while it runs.
    var ending: ChildProcess.Ending? { process.withLock { $0.child.poll() } }

    func send(signal: Int32) { process.withLock { $0.child.send(signal: signal) } }

    /// Ends it, and waits for that.
    @discardableResult
    func end() -> ChildProcess.Ending {
        send(signal: SIGCONT)
        send(signal: SIGTERM)
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: 10_000)
        while MonotonicInstant.now() < deadline {
            if let ending { return ending }
            usleep(20_000)
        }
        send(signal: SIGKILL)
        return process.withLock { $0.child.wait() } ?? .killed(signal: SIGKILL)
    }

    /// What it wrote to standard error.
    var errors: String { KernelText.read(directory.appending("errors")).map { String($0.suffix(2000)) } ?? "" }
}
