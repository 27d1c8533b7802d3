import ArgumentParser
import Configuration
import Glibc
import Host
import RunDirectory

/// `swiftlet pause`.
struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Pause a machine's guest.",
        discussion: """
            EXAMPLE:
              swiftlet pause web
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws { try RunningMachine(name).execute("stop") }
}

/// `swiftlet resume`.
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Let a machine's guest go on.",
        discussion: """
            EXAMPLE:
              swiftlet resume web
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws { try RunningMachine(name).execute("cont") }
}

/// `swiftlet reset`.
struct ResetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset", abstract: "Restart a machine's guest at once.",
        discussion: """
            EXAMPLE:
              swiftlet reset web
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws { try RunningMachine(name).execute("system_reset") }
}

/// `swiftlet stop`: as the power button does.
struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Ask a machine's guest to shut down, and wait for it.",
        discussion: """
            EXAMPLES:
              swiftlet stop web
              swiftlet stop web --timeout 5s || swiftlet kill web

            EXIT STATUS: 0 when the machine has ended, 1 when it has not in time.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Option(parsing: .unconditional, help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout = "60s"

    func run() throws {
        let patience = try Milliseconds(option: "--timeout", timeout)
        let machine = try RunningMachine(name)
        try machine.execute("system_powerdown")
        guard machine.isGone(within: patience.count) else {
            throw Refusal(
                "\(name): the guest has not shut down within \(patience); 'swiftlet kill \(name)' ends it at once")
        }
    }
}

/// `swiftlet kill`: the guest is not asked.
struct KillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "End a machine at once.",
        discussion: """
            EXAMPLE:
              swiftlet kill web

            A process that does not answer is killed.
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws {
        let directory = RunDirectory(name: name)
        let machine: RunningMachine
        do {
            machine = try RunningMachine(name)
            try machine.execute("quit")
        } catch {
            guard let process = directory.process else { throw error }
            kill(process, SIGKILL)
            _ = RunDirectory.all()
            return
        }
        guard machine.isGone(within: 10_000) else {
            kill(machine.process, SIGKILL)
            _ = RunDirectory.all()
            return
        }
    }
}

extension Milliseconds {
    /// Reads the value of an option.
    ///
    /// - Throws: `ConfigurationError`.
    init(option: String, _ text: String) throws {
        do {
            try self.init(parsing: text)
        } catch {
            throw ConfigurationError("\(option) \(text)", "\(error)")
        }
    }
}
