import AgentChannel
import AgentProtocol
import Glibc
import Host
import Scenario
import Synchronization
import TestReport

/// A program in the guest that keeps memory busy.
final class RunningWorkload: Sendable {
    /// Why a workload is not as it should be.
    struct Failure: Error {
        let kind: CaseFailure.Kind
        let message: String
        /// Where it was started.
        let line: Int
    }

    private struct Connection {
        let channel: AgentChannel
        var lines: [String] = []
        var partial = ""
        var errors = ""
        /// How it ended; nil while it runs.
        var status: CommandStatus?
    }

    let name: String
    private let line: Int
    private let connection: Mutex<Connection>
    private let agent: GuestAgent
    /// Whether it matters that it finds what it has written.
    private let keepsData: Bool

    private static let program = "memory-load"
    /// What patterns are made of, any number.
    private static let seed = "1"
    /// Characters of a line, or of what it says of errors, that are kept.
    private static let textLimit = 1000
    /// Messages that are taken at once where none is waited for.
    private static let lookLimit = 100
    /// Milliseconds that a message which has begun may take.
    private static let messageTime: UInt64 = 5_000

    /// Starts it, and waits until it holds what it is to hold.
    ///
    /// - Parameter line: where it is started.
    init(
        _ workload: Workload, line: Int, bytes: UInt64, keepsData: Bool, _ agent: GuestAgent,
        within milliseconds: UInt64
    ) throws {
        name = workload.name
        self.line = line
        self.agent = agent
        self.keepsData = keepsData
        let deadline = agent.state.clock.now + milliseconds
        let channel = try agent.channel(until: deadline)
        var arguments = [
            Self.program, workload.kind.rawValue, "\(bytes)", workload.node.map { "\($0)" } ?? "any",
        ]
        if workload.kind == .pattern { arguments.append(Self.seed) }
        try channel.send(AgentRequest.exec(ExecRequest(arguments)).frame)
        connection = Mutex(Connection(channel: channel))
        try connection.withLock { try expect("ready", until: deadline, &$0) }
    }

    /// Has it look at what it has written.
    func verify(within milliseconds: UInt64) throws {
        try ask(SIGUSR1, "intact", within: milliseconds)
    }

    /// Ends it, and waits until it has given back what it held.
    func stop(within milliseconds: UInt64) throws {
        try ask(SIGTERM, "done", within: milliseconds)
    }

    /// Looks whether it has said anything by itself, unless somebody waits for that already.
    func look() throws {
        try connection.withLockIfAvailable { connection in
            var count = 0
            // Nothing but the end of the connection comes behind its end.
            while connection.status == nil, count < Self.lookLimit, connection.channel.hasInput {
                try receive(&connection)
                count += 1
            }
            _ = try takeLines(of: &connection, until: nil)
            if let status = connection.status, status != .exited(0) { throw end(status, connection) }
        }
    }

    private func ask(_ signal: Int32, _ answer: String, within milliseconds: UInt64) throws {
        let deadline = agent.state.clock.now + milliseconds
        try connection.withLock { connection in
            do {
                try connection.channel.send(ExecInput.signal(UInt8(signal)).frame)
            } catch {
                throw GuestAgent.Lost()
            }
            try expect(answer, until: deadline, &connection)
        }
    }

    /// Waits for a line that begins with a word.
    private func expect(_ word: String, until deadline: UInt64, _ connection: inout Connection) throws {
        while true {
            if try takeLines(of: &connection, until: word) { return }
            if let status = connection.status { throw end(status, connection) }
            try wait(&connection, until: deadline, word)
            try receive(&connection)
        }
    }

    private func end(_ status: CommandStatus, _ connection: Connection) -> Failure {
        var message = "workload \(name) has ended with \(status.text)"
        if !connection.errors.isEmpty { message += ": \(connection.errors)" }
        if status == .killed(signal: UInt8(SIGKILL)), let line = outOfMemory {
            message += "; the guest's kernel: \(line)"
        }
        return Failure(kind: .check, message: message, line: line)
    }

    /// What the guest's kernel has said of a program that it has ended for want of memory.
    private var outOfMemory: String? {
        let log = try? agent.run(["dmesg"], within: Self.messageTime).text
        return log?.split(separator: "\n").last { $0.contains("Killed process") && $0.contains(Self.program) }.map {
            String($0.prefix(Self.textLimit))
        }
    }

    /// Takes lines up to one that begins with a word.
    ///
    /// - Returns: whether there was one.
    private func takeLines(of connection: inout Connection, until word: String?) throws -> Bool {
        while !connection.lines.isEmpty {
            let text = connection.lines.removeFirst()
            if text.hasPrefix("corrupt"), keepsData {
                throw Failure(kind: .invariant, message: "workload \(name): data is lost: \(text)", line: line)
            }
            if let word, text.hasPrefix(word) { return true }
        }
        return false
    }

    private func wait(_ connection: inout Connection, until deadline: UInt64, _ word: String) throws {
        let state = agent.state
        while true {
            try state.checkIsGoing()
            let now = state.clock.now
            guard now < deadline else {
                throw Failure(kind: .timeout, message: "workload \(name) did not say \"\(word)\" in time", line: line)
            }
            if connection.channel.hasInput { return }
            _ = ByteStream.waitUntilReadable(connection.channel.descriptor, milliseconds: min(deadline - now, 200))
        }
    }

    /// Takes a message that has begun to come.
    private func receive(_ connection: inout Connection) throws {
        let state = agent.state
        let deadline = state.clock.now + Self.messageTime
        connection.channel.onWait = {
            try state.checkIsGoing()
            if state.clock.now >= deadline { throw GuestAgent.Late() }
        }
        let frame: Frame
        do {
            guard let next = try connection.channel.receive() else { throw GuestAgent.Lost() }
            frame = next
        } catch is SystemCallError {
            throw GuestAgent.Lost()
        }
        switch try AgentMessage(frame) {
        case .output(let bytes):
            connection.partial += String(decoding: bytes, as: UTF8.self)
            var parts = connection.partial.split(separator: "\n", omittingEmptySubsequences: false)
            connection.partial = String((parts.popLast() ?? "").prefix(Self.textLimit))
            connection.lines += parts.map { String($0.prefix(Self.textLimit)) }
        case .errors(let bytes):
            connection.errors = String(
                (connection.errors + String(decoding: bytes, as: UTF8.self)).suffix(Self.textLimit))
        case .exited(let status): connection.status = status
        case .failed(let failure): throw Failure(kind: .check, message: "\(Self.program): \(failure)", line: line)
        default: break
        }
    }
}
