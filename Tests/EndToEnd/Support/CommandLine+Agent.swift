import Glibc
import Testing

extension CommandLine {
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
