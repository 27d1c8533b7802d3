import ArgumentParser
import Configuration
import Host
import KernelImage
import QMPProtocol
import SystemPackage

/// The front end: reads what a user asks for, checks it, and hands it to `swiftlet-vmm`.
@main
struct Swiftlet: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swiftlet",
        abstract: "A mini hypervisor for Linux/KVM whose guests can grow and shrink.",
        discussion: """
            EXAMPLES:
              swiftlet doctor
              swiftlet run
              swiftlet run --name web --cpus 2 --memory 1G \\
                      --virtio-mem id=vm0,size=8G,requested-size=128M
              swiftlet resize web vm0 4G --wait

            'swiftlet run --help' explains every option.
            """,
        version: "swiftlet \(QMPVersion.swiftlet)",
        subcommands: [
            RunCommand.self, ListCommand.self, InfoCommand.self, TopCommand.self, ConfigCommand.self,
            MetricsCommand.self, ResizeCommand.self, MonitorCommand.self, ConsoleCommand.self, EventsCommand.self,
            ExecCommand.self,
            CopyCommand.self, PauseCommand.self, ResumeCommand.self, ResetCommand.self, StopCommand.self,
            KillCommand.self, TestCommand.self, VMMCommand.self, DoctorCommand.self,
        ])

    /// Exit statuses, as users meet them.
    enum Status {
        /// The host or the start refused.
        static let refused: CInt = 1
        /// Wrong options (EX_USAGE of sysexits.h).
        static let usage: CInt = 64
    }

    /// Does what the arguments ask for.
    ///
    /// - Parameter program: the name by which the program was called, with or without a directory.
    private static func perform(_ arguments: [String], asProgram program: String) throws {
        let isStandIn = program == CloudHypervisorCommand.name || program.hasSuffix("/\(CloudHypervisorCommand.name)")
        if isStandIn {
            try CloudHypervisorCommand.check(arguments)
            var command = try CloudHypervisorCommand.parseAsRoot(arguments)
            return try command.run()
        }
        if arguments.first == RunOptions.command {
            let given = Array(arguments.dropFirst())
            // Beneath the tree of all commands it takes three times as long. What can't be parsed, and help, is the
            // tree's to explain.
            if let options = RunOptions(plain: given) ?? (try? RunCommand.parse(given))?.options {
                return try options.perform()
            }
        }
        var command = try command(arguments)
        try command.run()
    }

    private static func command(_ arguments: [String]) throws -> any ParsableCommand {
        if arguments.first == ExecCommand.configuration.commandName {
            return try parseAsRoot(arguments.prefix(1) + ExecArguments.separated(Array(arguments.dropFirst())))
        }
        return try parseAsRoot(arguments)
    }

    static func main() {
        ProcessImage.reserveStandardDescriptors()
        do {
            let arguments = ProcessImage.arguments
            try perform(Array(arguments.dropFirst()), asProgram: arguments.first ?? "")
        } catch let error as ConfigurationError {
            fail("\(error)", status: Status.usage)
        } catch let error as Refusal {
            fail(error.message, status: Status.refused)
        } catch let error as KernelImageError {
            fail("\(error)", status: Status.refused)
        } catch let error as SystemCallError {
            fail("\(error)", status: Status.refused)
        } catch let status as ExitCode {
            // One that a command chose, whatever it is.
            exit(withError: status)
        } catch {
            let code = exitCode(for: error)
            guard code == .validationFailure else {
                // Help and completion scripts.
                exit(withError: error)
            }
            // What swift-argument-parser says begins with a capital, and may have further lines of advice.
            let message = message(for: error)
            if let mistake = negativeSize() {
                fail("\(mistake)", status: Status.usage)
            }
            fail(
                message.prefix(1).lowercased() + message.dropFirst()
                    + "\nSee 'swiftlet --help' and, for a command, 'swiftlet COMMAND --help'.",
                status: Status.usage)
        }
    }

    /// The size that `resize` is given with a minus, by which it looks like an option; nil where there is none.
    private static func negativeSize() -> ByteSize.ParseError? {
        let arguments = ProcessImage.arguments.dropFirst()
        guard arguments.first == ResizeCommand.configuration.commandName else { return nil }
        for argument in arguments {
            do throws(ByteSize.ParseError) {
                _ = try ByteSize(parsing: argument)
            } catch .negative(let text) {
                return .negative(text)
            } catch {}
        }
        return nil
    }

    private static func fail(_ message: String, status: CInt) -> Never {
        complain(message)
        // The other statuses are the command's in the guest.
        let isExec = ProcessImage.arguments.dropFirst().first == ExecCommand.configuration.commandName
        let status = isExec ? ExecCommand.Status.wrongUsage : status
        Self.exit(withError: ExitCode(status))
    }
}

/// Text of others, such as a guest's, without characters that a terminal obeys.
func withoutControls(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
}

/// Tells the user something on standard error.
func complain(_ message: String) {
    // Where standard error is closed, there is nobody to tell.
    _ = try? FileDescriptor.standardError.writeAll("swiftlet: \(message)\n".utf8)
}
