import AgentChannel
import AgentProtocol
import Foundation
import Testing

/// Many commands, and much data: nothing is left of them. `SWIFTLET_AGENT_COMMANDS` and `SWIFTLET_AGENT_MEGABYTES` ask for
/// more than a quick run has time for.
@Suite(.serialized) struct LoadTests {
    let agent: RunningAgent
    /// Descriptors of an agent that rests.
    private let descriptors: Int

    init() throws {
        agent = try RunningAgent()
        _ = try agent.run("true")
        let agent = agent
        descriptors = try RunningAgent.settled { agent.descriptorCount }
    }

    private static func number(_ name: String, _ usual: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? usual
    }

    /// What the agent holds has to be what it held.
    private func leavingNothing(_ body: () throws -> Void) throws {
        // What it allocates once is no leak.
        for _ in 0..<50 { _ = try agent.run("true") }
        try eventually("it rests") { agent.children.isEmpty && agent.descriptorCount == descriptors }
        let resident = agent.residentSize
        try body()
        try eventually("all commands are reaped") { agent.children.isEmpty }
        try eventually("all descriptors are closed") { agent.descriptorCount == descriptors }
        #expect(agent.residentSize - resident < 2 << 10)
    }

    @Test func shortCommands() throws {
        try leavingNothing {
            for number in 0..<Self.number("SWIFTLET_AGENT_COMMANDS", 500) {
                let status = UInt8(number % 256)
                let outcome = try agent.run("/bin/sh", "-c", "echo \(number); exit \(status)")
                #expect(outcome.text == "\(number)\n")
                #expect(outcome.status == .exited(status))
            }
        }
    }

    @Test func manyAtOnce() throws {
        // The buffers of a hundred connections are allocated once.
        func round() throws {
            let channels = try (0..<100).map { _ in try agent.connect() }
            for (number, channel) in channels.enumerated() {
                let request = ExecRequest(["sh", "-c", "read line; echo \(number) $line"], hasInput: true)
                try channel.send(AgentRequest.exec(request).frame)
            }
            for channel in channels { try channel.send(ExecInput.input(Array("go\n".utf8)).frame) }
            for (number, channel) in channels.enumerated() {
                #expect(try agent.finish(channel).text == "\(number) go\n")
            }
        }
        try round()
        try leavingNothing(round)
    }

    /// Much goes through a command and comes back as it was, with the window kept.
    @Test func muchInputAndOutput() throws {
        let total = Self.number("SWIFTLET_AGENT_MEGABYTES", 64) << 20
        let piece: [UInt8] = (0..<AgentProtocol.maximumData).map { index in
            let mixed: Int = index * 31 + index / 256
            return UInt8(truncatingIfNeeded: mixed)
        }
        try leavingNothing {
            let channel = try agent.connect()
            try channel.send(AgentRequest.exec(ExecRequest(["cat"], hasInput: true)).frame)
            var (sent, received, window) = (0, 0, AgentProtocol.inputWindow)
            var status: CommandStatus?
            while status == nil {
                while sent < total, window >= piece.count {
                    try channel.send(ExecInput.input(piece).frame)
                    (sent, window) = (sent + piece.count, window - piece.count)
                    if sent == total { try channel.send(ExecInput.inputEnd.frame) }
                }
                guard let frame = try channel.receive() else { break }
                switch try AgentMessage(frame) {
                case .credit(let count): window += Int(count)
                case .output(let bytes):
                    let offset = received % piece.count
                    let expected = (piece + piece)[offset..<offset + bytes.count]
                    try #require(bytes[...] == expected)
                    received += bytes.count
                case .exited(let end): status = end
                default: break
                }
            }
            #expect(status == .exited(0))
            #expect(received == total)
        }
    }

    /// Clients that are killed, and commands that are, in any phase.
    @Test func clientsAndCommandsThatAreKilled() throws {
        try leavingNothing {
            for number in 0..<Self.number("SWIFTLET_AGENT_COMMANDS", 500) / 5 {
                let channel = try agent.connect()
                let terminal = number % 2 == 0 ? WindowSize(rows: 24, columns: 80) : nil
                let request = ExecRequest(["sh", "-c", "yes & yes | cat"], hasInput: true, terminal: terminal)
                try channel.send(AgentRequest.exec(request).frame)
                switch number % 4 {
                case 0: break
                case 1: _ = try agent.wait(on: channel) { if case .output = $0 { true } else { nil } }
                default:
                    try channel.send(ExecInput.signal(9).frame)
                    _ = try agent.finish(channel)
                }
            }
        }
    }

    /// What makes all the processes that it may, and is ended, leaves the agent as it was.
    @Test(.enabled(if: geteuid() == 0, "needs root, to become others")) func processesWithoutEnd() throws {
        try leavingNothing {
            let channel = try agent.connect()
            let script = "ulimit -u 60; bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 60"
            try channel.send(AgentRequest.exec(ExecRequest(["bash", "-c", script], user: "54321")).frame)
            usleep(500_000)
            #expect(try agent.run("true").status == .exited(0))
            try channel.send(ExecInput.signal(9).frame)
            _ = try? agent.finish(channel)
            try eventually("all of them have ended") {
                _ = try? agent.run("pkill", "-9", "-U", "54321")
                return (try? agent.run("pgrep", "-U", "54321").status) == .exited(1)
            }
        }
    }
}
