import AgentProtocol
import ArgumentParser
import Host
import SystemPackage

/// `swiftlet exec`: runs a command in a machine's guest, as `docker exec` does in a container.
struct ExecCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command in a machine's guest.",
        usage: "swiftlet exec [<options>] <name> [--] <command> ...",
        discussion: """
            EXAMPLES:
              swiftlet exec web uname -r
              swiftlet exec -it web sh
                  A shell on this terminal.
              echo hello | swiftlet exec -i web wc -c
              swiftlet exec -e LANG=C -w /tmp -u 1000:1000 web -- id -u

            What stands behind the machine's name and is no option is the command. It is run by the guest's agent, \
            swiftlet-agent, which the guests of GuestImages/build have. SIGINT, SIGTERM and SIGQUIT go to the command's \
            process group; a command whose client is gone gets SIGHUP, and SIGKILL five seconds later.

            EXIT STATUS: the command's; 128 and the signal's number for one that a signal ended; 127 where it is not \
            found, 126 where it can't be run; 1 for what is wrong here, such as a guest without an agent, and 125 \
            for wrong options.
            """)

    @Flag(name: [.short, .long], help: "Leave the command to itself once it runs, without input and output.")
    var detach = false

    @Flag(name: [.short, .long], help: "Give the command this command's input.")
    var interactive = false

    @Flag(name: [.short, .long], help: "Give the command a terminal, of this one's size.")
    var tty = false

    @Option(
        name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A variable of the command's environment; without a value, it is this command's. May be repeated.",
            valueName: "name[=value]"))
    var env: [String] = []

    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("A file with such variables, one a line. May be repeated.", valueName: "file"))
    var envFile: [String] = []

    @Option(
        name: [.customShort("w", allowingJoined: true), .long], parsing: .unconditional,
        help: ArgumentHelp("The command's directory. (default: /)", valueName: "directory"))
    var workdir = ""

    @Option(
        name: [.customShort("u", allowingJoined: true), .long], parsing: .unconditional,
        help: ArgumentHelp(
            "Who runs the command, by name or number. (default: the agent's user, which is root)",
            valueName: "user[:group]"))
    var user = ""

    @Argument(help: "The machine.")
    var name: String

    @Argument(parsing: .postTerminator, help: "The command, and its arguments.")
    var command: [String] = []

    /// Exit statuses, as docker has them.
    enum Status {
        static let refused: Int32 = 1
        static let wrongUsage: Int32 = 125
        static let notExecutable: Int32 = 126
        static let notFound: Int32 = 127
    }

    func validate() throws {
        guard !detach || !interactive && !tty else {
            throw ValidationError("-d: such a command has neither input nor a terminal: leave -i and -t out")
        }
        guard command.first?.isEmpty == false else { throw ValidationError("give a command to run") }
        for text in command + env + [workdir, user] where text.utf8.contains(0) {
            throw ValidationError("a text holds a zero byte")
        }
    }

    func run() throws {
        ignoreBrokenPipes()
        do {
            throw ExitCode(try execute())
        } catch let failure as AgentFailure {
            complain(withoutControls("\(name): \(command[0]): \(failure)"))
            throw ExitCode(Self.status(of: failure.kind))
        } catch let refusal as Refusal {
            complain(refusal.message)
        } catch let error as ProtocolError {
            complain("\(name): the agent sent \(error)")
        } catch let error as SystemCallError {
            complain("\(name): \(error)")
        }
        throw ExitCode(Status.refused)
    }

    private static func status(of failure: AgentFailure.Kind) -> Int32 {
        switch failure {
        case .notFound: Status.notFound
        case .notExecutable: Status.notExecutable
        case .badRequest, .busy, .refused: Status.refused
        }
    }

    private func execute() throws -> Int32 {
        let isRaw = interactive && tty
        guard !isRaw || RawTerminal.isTerminal(.standardInput) else {
            throw Refusal("the input is no terminal: leave -t out")
        }
        let size = WindowSize(of: TerminalSize(of: .standardOutput))
        let request = ExecRequest(
            command, environment: try variables(), directory: workdir, user: user,
            hasInput: interactive, terminal: tty ? size : nil, isDetached: detach)
        let frame = AgentRequest.exec(request).frame
        guard frame.payload.count <= AgentProtocol.maximumPayload else {
            throw Refusal("the command and its environment have more than \(AgentProtocol.maximumPayload) bytes")
        }
        let session = try ExecSession(AgentConnector(name).connect(), request)
        return try session.run()
    }

    /// What the files and then the options say.
    private func variables() throws -> [String] {
        try envFile.flatMap { try Self.variables(ofFile: $0) } + env.compactMap(Self.variable)
    }

    /// What `--env-file` means: a line as `-e` takes it, unless it is empty or begins with `#`.
    private static func variables(ofFile path: String) throws -> [String] {
        let text: [UInt8]
        do throws(SystemCallError) {
            let file = try OwnedFileDescriptor(opening: FilePath(path), .readOnly)
            text = try ByteStream.readAll(file.descriptor, limit: AgentProtocol.maximumPayload)
        } catch {
            throw Refusal("--env-file \(path): cannot be read: \(error.errno)")
        }
        guard !text.contains(0), let text = String(validating: text, as: UTF8.self) else {
            throw Refusal("--env-file \(path): is no text")
        }
        return text.split(whereSeparator: \.isNewline).map { $0.trimmingPrefix(while: \.isWhitespace) }
            .filter { !$0.isEmpty && !$0.hasPrefix("#") }.compactMap { variable(String($0)) }
    }

    /// What `-e` means: a name alone stands for the variable of this process, if it has that.
    private static func variable(_ text: String) -> String? {
        text.contains("=") ? text : environmentVariable(text).map { "\(text)=\($0)" }
    }
}

extension WindowSize {
    init(of size: TerminalSize) {
        self.init(rows: UInt16(clamping: size.rows), columns: UInt16(clamping: size.columns))
    }
}
