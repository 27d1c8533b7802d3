import Glibc
import Testing

/// The console on a terminal, with the keys that are the VMM's.
@Suite(.serialized, .needsKVMHost) struct ConsoleTests {
    private static let kernel = GuestKernel.debian12()

    private func start(_ arguments: [String], streams: SwiftletProcess.Streams) throws -> SwiftletProcess {
        try SwiftletProcess(["run", "--memory", "128M"] + Self.kernel.arguments + arguments, streams: streams)
    }

    /// Waits until the process has taken its terminal.
    private func waitUntilRaw(_ terminal: Terminal) throws {
        try #require(Deadline(.seconds(60)).poll { terminal.isCooked ? nil : true } == true)
    }

    /// Starts a program in the guest, and waits until what is typed is for it.
    ///
    /// The program takes the place of the process that says so: a Ctrl-C between the fork of an interactive shell and
    /// its child's exec is lost with the shell's own handler.
    private func begin(_ command: String, in process: SwiftletProcess) throws {
        try process.send("sh -c 'echo begi\"\"nning; exec \(command)'\n")
        try process.waitFor("beginning")
    }

    @Test func keysOnATerminal() throws {
        let process = try start(["--monitor", "stdio"], streams: .terminal)
        let terminal = try #require(process.terminal)
        let before = terminal.state
        try reportingOutput(of: process) {
            try process.waitFor("guest# ", within: Guest.bootTime)
            try #require(!terminal.isCooked)
            // Ctrl-C is the guest's.
            try begin("sleep 10000", in: process)
            try process.send("\u{3}")
            try process.waitFor("guest# ")
            // Ctrl-A twice sends one.
            try begin("cat -v", in: process)
            try process.send("[\u{1}\u{1}]\n\u{4}")
            try process.waitFor("\n[^A]")
            try process.waitFor("guest# ")
            try process.send("\u{1}h")
            try process.waitFor("Ctrl-A x  quit")
            try requireSharedMonitor(process)
            try process.send("\u{1}x")
            try #require(try process.waitUntilEnded() == .exited(0))
            try #require(terminal.state == before)
        }
    }

    private func requireSharedMonitor(_ process: SwiftletProcess) throws {
        try process.send("\u{1}c")
        try process.waitFor("(swiftlet) ")
        try process.send("info status\r")
        try process.waitFor("VM status: running\r\n(swiftlet) ")
        try process.send("\u{1}c")
        try process.send("echo back in the g''uest\n")
        try process.waitFor("back in the guest")
    }

    @Test func terminalIsGivenBack() throws {
        for signal in [SIGTERM, SIGHUP, SIGINT, SIGQUIT] {
            let process = try start([], streams: .terminal)
            let terminal = try #require(process.terminal)
            let before = terminal.state
            try reportingOutput(of: process) {
                try waitUntilRaw(terminal)
                if signal == SIGTERM {
                    try process.send("\u{1}c")
                    try process.waitFor("no monitor here: start with --monitor stdio")
                }
                process.child.send(signal: signal)
                try #require(try process.waitUntilEnded() == .exited(0), "signal \(signal)")
                try #require(terminal.state == before, "signal \(signal)")
            }
        }
    }

    @Test func terminalIsGivenBackWhileStopped() throws {
        let process = try start([], streams: .terminal)
        let terminal = try #require(process.terminal)
        let before = terminal.state
        try reportingOutput(of: process) {
            try waitUntilRaw(terminal)
            process.child.send(signal: SIGTSTP)
            try #require(Deadline(.seconds(30)).poll { terminal.state == before ? true : nil } == true)
            process.child.send(signal: SIGCONT)
            try waitUntilRaw(terminal)
            process.child.send(signal: SIGTERM)
            try #require(try process.waitUntilEnded() == .exited(0))
            try #require(terminal.state == before)
        }
    }

    /// Only a person types escapes: from a pipe, Ctrl-A is input like any other.
    @Test func pipesHaveNoEscapes() throws {
        // Without a kernel, it is the guest that was built.
        let process = try SwiftletProcess(["run"])
        try reportingOutput(of: process) {
            try process.waitFor("guest# ", within: Guest.bootTime)
            try begin("cat -v", in: process)
            try process.send("\u{1}x\n\u{4}")
            try process.waitFor("\n^Ax")
            try process.waitFor("guest# ")
            try process.send("poweroff\n")
            try #require(try process.waitUntilEnded(within: .seconds(120)) == .exited(0))
        }
    }

    @Test func serialPortOnAPseudoTerminal() throws {
        let process = try start(["--serial", "pty"], streams: .pipes)
        try reportingOutput(of: process) {
            try process.waitForError("serial: ")
            let path = try process.waitForError("\n")
            let descriptor = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
            try #require(descriptor >= 0, "\(path)")
            let console = ByteSource(descriptor)
            let deadline = Deadline(Guest.bootTime)
            while console.take(through: "guest# ") == nil {
                try #require(!deadline.hasPassed, "\(console.text)")
                ByteSource.wait(for: [console, process.output, process.errors], until: deadline)
            }
            let command = Array("poweroff\n".utf8)
            try #require(write(descriptor, command, command.count) == command.count)
            try #require(try process.waitUntilEnded(within: .seconds(120)) == .exited(0))
        }
    }
}
