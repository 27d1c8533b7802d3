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
    private let connection: Mutex<Connection>
    private let agent: GuestAgent

    private static let program = "memory-load"
    /// What patterns are made of, any number.
    private static let seed = "1"

    /// Starts it, and waits until it holds what it is to hold.
    init(_ workload: Workload, bytes: UInt64, _ agent: GuestAgent, within milliseconds: UInt64) throws {
        name = workload.name
        self.agent = agent
        let deadline = agent.state.clock.now + milliseconds
        let channel = try agent.channel(until: deadline)
        var arguments = [
            Self.program, workload.kind.rawValue, "\(bytes)", workload.node.map { "\($0)" } ?? "any",
        ]
        if workload.kind == .pattern { arguments.append(Self.seed) }
        try channel.send(AgentRequest.exec(ExecRequest(arguments)).frame)
        connection = Mutex(Connection(channel: channel))
        try expect(["ready"], until: deadline)
    }

    /// Has it look at what it has written.
    func verify(within milliseconds: UInt64) throws {
        try send(signal: SIGUSR1)
        try expect(["intact"], until: agent.state.clock.now + milliseconds)
    }

    /// Looks whether it has said anything by itself.
    func look() throws {
        try expect([], until: agent.state.clock.now)
    }

    /// Ends it, and waits until it has given back what it held.
    func stop(within milliseconds: UInt64) throws {
        try send(signal: SIGTERM)
        try expect(["done"], until: agent.state.clock.now + milliseconds)
    }

    private func send(signal: Int32) throws {
        try connection.withLock { connection in
            do {
                try connection.channel.send(ExecInput.signal(UInt8(signal)).frame)
            } catch {
                throw GuestAgent.Lost()
            }
        }
    }

    /// Waits for a line that begins with one of some words; with none, takes what is there.
    private func expect(_ words: [String], until deadline: UInt64) throws {
        try connection.withLock { connection in
            while true {
                while !connection.lines.isEmpty {
                    let line = connection.lines.removeFirst()
                    if line.hasPrefix("corrupt") {
                        throw Failure(kind: .invariant, message: "workload \(name): data is lost: \(line)")
                    }
                    if words.contains(where: line.hasPrefix) { return }
                }
                if let status = connection.status {
                    guard !words.isEmpty || status != .exited(0) else { return }
                    throw Failure(
                        kind: .check,
                        message: "workload \(name) has ended with \(status.text)"
                            + (connection.errors.isEmpty ? "" : ": \(connection.errors)"))
                }
                let now = agent.state.clock.now
                guard try Self.receive(&connection, agent.state, milliseconds: deadline > now ? deadline - now : 0)
                else {
                    if words.isEmpty { return }
                    throw Failure(
                        kind: .timeout,
                        message: "workload \(name) did not say \"\(words.joined(separator: "/"))\" in time")
                }
            }
        }
    }

    /// Takes what comes; false where nothing does in time.
    private static func receive(_ connection: inout Connection, _ state: CaseState, milliseconds: UInt64) throws -> Bool
    {
        let deadline = state.clock.now + milliseconds
        while !connection.channel.hasInput {
            try state.checkIsGoing()
            let now = state.clock.now
            guard now < deadline else { return false }
            _ = ByteStream.waitUntilReadable(
                connection.channel.descriptor, milliseconds: min(deadline - now, 200))
        }
        guard let frame = try? connection.channel.receive() else { throw GuestAgent.Lost() }
        switch try AgentMessage(frame) {
        case .output(let bytes):
            connection.partial += String(decoding: bytes, as: UTF8.self)
            var parts = connection.partial.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            connection.partial = parts.removeLast()
            connection.lines += parts
        case .errors(let bytes):
            connection.errors = String((connection.errors + String(decoding: bytes, as: UTF8.self)).suffix(1000))
        case .exited(let status): connection.status = status
        case .failed(let failure): throw Failure(kind: .host, message: "memory-load: \(failure)")
        default: break
        }
        return true
    }
}

extension CommandStatus {
    /// In words.
    var text: String {
        switch self {
        case .exited(let status): "status \(status)"
        case .killed(let signal): "signal \(signal)"
        }
    }
}
