import AgentChannel
import AgentProtocol
import Glibc
import Host
import SystemPackage
import Testing

extension CommandLine {
    /// A connection to the agent of the guest with the name `web`, as `swiftlet exec` has it.
    func connectToAgent() throws -> AgentChannel {
        let path = FilePath(directory.path).appending("swiftlet/web/vsock")
        let socket = try UnixSocket.connect(to: path)
        try socket.descriptor.write(all: Array("CONNECT \(AgentProtocol.port)\n".utf8)[...])
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") {
            guard case .bytes(let bytes) = try ByteStream.read(socket.descriptor, limit: 1) else {
                throw TestFailure("the vsock answers \(line)")
            }
            line += bytes
        }
        return AgentChannel(socket)
    }

    /// A guest with the name `web`, from when its agent answers.
    func withAgent(
        _ kernel: GuestKernel, _ arguments: [String] = [], hasShell: Bool = true,
        _ body: (SwiftletProcess) throws -> Void
    ) throws {
        let process = try SwiftletProcess(
            ["run", "--name", "web"] + kernel.arguments + arguments, environment: environment)
        try reportingOutput(of: process) {
            if hasShell { try process.waitFor("guest# ", within: Guest.bootTime) }
            let deadline = ContinuousClock.now + (hasShell ? .seconds(60) : Guest.bootTime)
            while true {
                let attempt = try SwiftletProcess(["exec", "web", "true"], environment: environment)
                if try attempt.waitUntilEnded(within: .seconds(60)) == .exited(0) { break }
                try #require(ContinuousClock.now < deadline, "the agent does not answer: \(attempt.transcript)")
                usleep(200_000)
            }
            try body(process)
        }
    }
}
