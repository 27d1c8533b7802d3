import CloudHypervisor
import Glibc
import Host
import JSON
import QMPProtocol
import SystemPackage

/// A machine: a child process that ends when this one does, and is spoken to in QMP. It belongs to the main thread.
final class MachineProcess: VMMachine {
    private let child: ChildProcess
    private let control: FilePath
    private let loop: EventLoop
    private let messages: ChildMessages
    /// The child ends when nobody has this any more.
    private var lifeline: OwnedFileDescriptor?
    private var token: EventLoop.Token?
    /// Connected while a request is answered, and not longer: events that nobody reads would pile up in the machine.
    private var client: QMPClient?

    /// The number that the first descriptor has there which a client passed; the others follow it.
    static let firstPassedNumber = ChildProcess.inheritedNumber + 1

    /// Milliseconds that a client waits for an answer of the machine.
    private static let patience: UInt64 = 10_000
    /// Milliseconds that an attempt to connect takes at most, while the machine starts.
    private static let attempt: UInt64 = 500
    /// Microseconds between two looks at a machine that starts or ends.
    private static let pause: UInt32 = 5_000
    /// Milliseconds until a machine that does not end is killed.
    private static let endPatience: UInt64 = 10_000

    /// Starts the process.
    ///
    /// - Parameters:
    ///   - control: where it will serve QMP.
    ///   - usesTerminal: whether its standard input and output are this process's.
    ///   - passed: descriptors that it gets, from `firstPassedNumber` on.
    /// - Throws: `SystemCallError`.
    init(
        _ program: FilePath, _ arguments: [String], control: FilePath, usesTerminal: Bool,
        passed: [FileDescriptor], loop: EventLoop, log: ServerLog
    ) throws(SystemCallError) {
        self.control = control
        self.loop = loop
        let errors = try Pipe()
        let life = try Pipe()
        let null = try OwnedFileDescriptor(opening: "/dev/null", .readWrite)
        child = try ChildProcess(
            program, arguments + ["--end-with=fd=\(ChildProcess.inheritedNumber)"],
            input: usesTerminal ? .standardInput : null.descriptor,
            output: usesTerminal ? .standardOutput : null.descriptor, error: errors.writeEnd.descriptor,
            inherited: [life.readEnd.descriptor] + passed)
        try errors.readEnd.descriptor.makeNonBlocking()
        messages = ChildMessages(errors.takeReadEnd(), log: log)
        lifeline = life.takeWriteEnd()
    }

    var terminals: [String: String] { messages.terminals }

    /// Waits until it answers.
    ///
    /// - Parameters:
    ///   - terminals: the pseudo-terminals that it is to tell of, too.
    ///   - isCancelled: whether nobody wants it any more.
    /// - Throws: `APIError` with what it says; it has ended then.
    func waitUntilReady(terminals: [String], isCancelled: () -> Bool) throws(APIError) {
        while true {
            messages.read()
            if let ending = child.poll() {
                messages.read()
                // A guest may be that quick to switch itself off.
                guard ending != .exited(status: 0) else { return }
                throw failure(ending)
            }
            guard !isCancelled() else {
                end()
                throw APIError(.internalServerError, "the VM could not be booted", "the server is about to end")
            }
            if terminals.allSatisfy({ messages.terminals[$0] != nil }), isReady { return }
            usleep(Self.pause)
        }
    }

    /// Whether its guest is loaded: the greeting comes before.
    private var isReady: Bool {
        let client = try? QMPClient(at: control, patience: Self.attempt)
        return (try? client?.execute("query-status")) != nil
    }

    /// Why it did not start. What a user can do about is what it says; a crash is nobody's mistake but ours.
    private func failure(_ ending: ChildProcess.Ending) -> APIError {
        let lines = messages.lines.filter { !$0.hasPrefix("warning: ") }
        let said = lines.isEmpty ? "its process ended with \(ending)" : lines.joined(separator: "\n")
        let status: APIStatus = if case .killed = ending { .internalServerError } else { .badRequest }
        return APIError(status, messages: ["the VM could not be booted", said])
    }

    /// Follows what it says from now on.
    ///
    /// - Parameter onEnd: called when its process has ended by itself.
    func watch(onEnd: @escaping () -> Void) {
        token = try? loop.add(messages.descriptor, .readable) { [unowned self] _ in
            messages.read()
            guard messages.isAtEnd else { return }
            stopWatching()
            child.wait()
            onEnd()
        }
    }

    private func stopWatching() {
        token.map(loop.remove)
        token = nil
    }

    func execute(_ command: String, _ arguments: [JSONValue.Member]) throws(APIError) -> JSONValue? {
        guard child.poll() == nil else { return nil }
        do throws(QMPClient.Failure) {
            return try connection().execute(command, arguments)
        } catch {
            switch error {
            case .refused(let reason) where !command.hasPrefix("query-"):
                throw APIError(.badRequest, reason.description)
            // Questions are refused by a machine alone that is about to end, and then it closes its socket.
            case .refused, .gone:
                guard !hasEnded(within: Self.endPatience) else { return nil }
                throw APIError(.internalServerError, "the VM's process neither answers nor ends")
            case .silent, .garbled, .host: throw APIError(.internalServerError, "\(error)")
            }
        }
    }

    private func connection() throws(QMPClient.Failure) -> QMPClient {
        if let client { return client }
        let connected = try QMPClient(at: control, patience: Self.patience)
        client = connected
        return connected
    }

    func rest() { client = nil }

    func end() {
        stopWatching()
        client = nil
        if child.poll() == nil {
            // An orderly end either way; clients of QMP are told that one of them wanted it.
            _ = try? QMPClient(at: control, patience: Self.attempt).execute("quit")
            lifeline = nil
            if !hasEnded(within: Self.endPatience) {
                child.send(signal: SIGKILL)
                child.wait()
            }
        }
        messages.read()
    }

    private func hasEnded(within milliseconds: UInt64) -> Bool {
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: milliseconds)
        while child.poll() == nil {
            guard MonotonicInstant.now() < deadline else { return false }
            // A full pipe must not keep it from ending.
            messages.read()
            usleep(Self.pause)
        }
        return true
    }
}
