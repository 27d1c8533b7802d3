import Testing

/// Runs `swiftlet` to its end, with run directories of its own.
struct CommandLine {
    let directory: TemporaryDirectory

    var environment: [String: String] { ["XDG_RUNTIME_DIR": directory.path] }

    @discardableResult func callAsFunction(
        _ arguments: String..., status: Int32 = 0
    ) throws -> (output: String, errors: String) {
        try run(arguments, status: status)
    }

    @discardableResult func run(_ arguments: [String], status: Int32 = 0) throws -> (output: String, errors: String) {
        let process = try SwiftletProcess(arguments, environment: environment)
        let ended = try process.waitUntilEnded(within: .seconds(120))
        try #require(ended == .exited(status), "\(arguments): \(process.transcript)")
        return (process.output.text, process.errors.text)
    }

    /// Starts a machine with a name, on pipes.
    func start(_ name: String, _ arguments: [String]) throws -> SwiftletProcess {
        try SwiftletProcess(
            ["run", "--name", name] + GuestKernel.debian12().arguments + arguments, environment: environment)
    }
}
