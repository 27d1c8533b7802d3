import AgentChannel
import AgentProtocol
import Host
import SystemPackage

/// The agent in a case's guest.
struct GuestAgent: Sendable {
    /// What a command did.
    struct Result {
        var status: CommandStatus
        var output: [UInt8] = []
        var errors: [UInt8] = []

        var text: String { String(decoding: output, as: UTF8.self) }
        var errorText: String { String(decoding: errors, as: UTF8.self) }
    }

    /// Nothing came in time.
    struct Late: Error {}

    /// The connection is gone: the guest restarts, or its machine has ended.
    struct Lost: Error {}

    let socket: AgentSocket
    let state: CaseState

    /// Bytes of a command's output that are kept.
    private static let outputLimit = 4 << 20

    /// Opens a connection for a request.
    ///
    /// - Parameter deadline: as of the case's clock.
    func channel(until deadline: UInt64) throws -> AgentChannel {
        let now = state.clock.now
        guard now < deadline else { throw Late() }
        let channel: AgentChannel
        do {
            channel = AgentChannel(try socket.connect(patience: deadline - now) { try state.checkIsGoing() })
        } catch is AgentSocket.Silence {
            throw state.clock.now < deadline ? Lost() as any Error : Late()
        } catch is SystemCallError {
            throw Lost()
        }
        channel.onWait = { [state] in
            try state.checkIsGoing()
            if state.clock.now >= deadline { throw Late() }
        }
        return channel
    }

    /// Runs a command to its end.
    func run(_ arguments: [String], within milliseconds: UInt64) throws -> Result {
        let channel = try channel(until: state.clock.now + milliseconds)
        do {
            try channel.send(AgentRequest.exec(ExecRequest(arguments)).frame)
            var result = Result(status: .exited(0))
            while let frame = try channel.receive() {
                switch try AgentMessage(frame) {
                case .output(let bytes): Self.append(bytes, to: &result.output)
                case .errors(let bytes): Self.append(bytes, to: &result.errors)
                case .exited(let status):
                    result.status = status
                    return result
                case .failed(let failure): throw failure
                default: break
                }
            }
        } catch is SystemCallError {}
        throw Lost()
    }

    private static func append(_ bytes: [UInt8], to output: inout [UInt8]) {
        output += bytes.prefix(outputLimit - output.count)
    }

    /// The guest's memory, as its kernel sees it.
    func memory(within milliseconds: UInt64) throws -> MemoryReport {
        let channel = try channel(until: state.clock.now + milliseconds)
        do {
            guard case .memoryReport(let report) = try channel.ask(.memory) else { throw Lost() }
            return report
        } catch is SystemCallError {
            throw Lost()
        }
    }

    /// What tells one boot of the guest from another.
    func bootID(within milliseconds: UInt64) throws -> String {
        try run(["cat", "/proc/sys/kernel/random/boot_id"], within: milliseconds).text
    }
}
