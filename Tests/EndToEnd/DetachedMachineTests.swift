import Foundation
import Testing

/// Machines in the background, their consoles, logs and configurations.
@Suite(.serialized, .needsKVMHost) struct DetachedMachineTests {
    private static let machine =
        ["--name", "web", "--memory", "256M", "--cmdline", "init_on_alloc=0", "--virtio-mem", "id=vm0,size=1G"]

    /// Runs a body beside machines that are ended whatever becomes of it.
    private func withCommandLine(_ body: (CommandLine) throws -> Void) throws {
        let swiftlet = CommandLine(directory: try TemporaryDirectory())
        defer {
            // Where the test has ended it, nobody is there to be killed.
            _ = try? SwiftletProcess(["kill", "web"], environment: swiftlet.environment).waitUntilEnded()
        }
        try body(swiftlet)
    }

    @discardableResult private func startInBackground(_ swiftlet: CommandLine, _ arguments: [String]) throws -> pid_t {
        let output = try swiftlet.run(["run", "--detach"] + arguments).output
        try #require(output.hasPrefix("web runs, as process "), "\(output)")
        return try #require(pid_t(output.dropFirst("web runs, as process ".count).dropLast()))
    }

    private func console(_ swiftlet: CommandLine, _ body: (SwiftletProcess, Terminal) throws -> Void) throws {
        let process = try SwiftletProcess(["console", "web"], streams: .terminal, environment: swiftlet.environment)
        let terminal = try #require(process.terminal)
        let before = terminal.state
        try reportingOutput(of: process) {
            try body(process, terminal)
            try #require(try process.waitUntilEnded() == .exited(0))
            try #require(terminal.state == before)
        }
    }

    @Test func consoleLogAndConfiguration() throws {
        try withCommandLine { swiftlet in
            let pid = try startInBackground(swiftlet, GuestKernel.debian12().arguments + Self.machine)
            try #require(getsid(pid) == pid, "a terminal's end would end it")
            try console(swiftlet) { process, terminal in
                try process.waitFor("guest# ", within: Guest.bootTime)
                try #require(!terminal.isCooked)
                try process.send("echo he''llo; sleep 1000\n")
                try process.waitFor("hello")
                try process.send("\u{1}h")
                try process.waitFor("Ctrl-A x  leave; the machine goes on")
                try process.send("\u{1}x")
            }
            // What came before is shown; keys, Ctrl-C too, are the guest's.
            try console(swiftlet) { process, _ in
                try process.waitFor("hello")
                try process.send("\u{3}\n")
                try process.waitFor("guest# ")
                try process.send("echo tw''o\n")
                try process.waitFor("two")
                process.child.send(signal: SIGTERM)
            }
            try swiftlet("resize", "web", "vm0", "128M", "--wait")
            try requireSameMachineAgain(swiftlet, pid)
        }
    }

    /// `config` prints what makes the machine again, and the first one's end is seen by a console.
    private func requireSameMachineAgain(_ swiftlet: CommandLine, _ pid: pid_t) throws {
        let text = try swiftlet("config", "web").output
        try #require(text.contains("    requested-size: 128M\n"), "\(text)")
        let file = swiftlet.directory.file("web.yaml")
        try text.write(toFile: file, atomically: false, encoding: .utf8)
        let log = swiftlet.directory.file("swiftlet/web/log")
        try #require(try String(contentsOfFile: log, encoding: .utf8).contains(" info vm0: 128M requested\n"))
        let follower = try SwiftletProcess(["console", "web"], environment: swiftlet.environment)
        try reportingOutput(of: follower) {
            try follower.send("poweroff\n")
            try #require(try follower.waitUntilEnded(within: .seconds(60)) == .exited(0))
        }
        try #require(Deadline(.seconds(30)).poll { kill(pid, 0) != 0 ? true : nil } == true)
        try #require(access(swiftlet.directory.file("swiftlet/web"), F_OK) != 0, "the directory is left")

        try startInBackground(swiftlet, ["--config", file, "--log-format", "json"])
        try swiftlet("resize", "web", "vm0", "128M", "--wait")
        let again = try swiftlet("config", "web").output
        try #require(again.replacing("log-format: json\n", with: "") == text, "\(again)")
        try swiftlet("kill", "web")
        try #require(try swiftlet("list", "--json").output == "[]\n")
    }

    /// Nobody waits for a machine that does not come, and its log stays.
    @Test func aMachineThatCannotStartSaysWhy() throws {
        try withCommandLine { swiftlet in
            let arguments = ["run", "--detach"] + GuestKernel.debian12().arguments + Self.machine
            let pages = ["--memory", "size=256M,backend=hugetlbfs"]
            let errors = try swiftlet.run(arguments + pages, status: 1).errors
            try #require(errors.contains("web does not run (status 1); its log:\n"), "\(errors)")
            try #require(errors.contains(" error "), "\(errors)")
            try #require(access(swiftlet.directory.file("swiftlet/web/log"), F_OK) == 0)
            try #require(try swiftlet("list", "--json").output == "[]\n")
            try #require(try swiftlet.run(arguments + ["--serial", "stdio"], status: 64).errors.contains("--detach"))
            let process = try SwiftletProcess(
                arguments + ["--memory", "size=1536M,prealloc=on"], environment: swiftlet.environment)
            try reportingOutput(of: process) {
                let pid = swiftlet.directory.file("swiftlet/web/pid")
                try #require(
                    Deadline(.seconds(60)).poll {
                        ((try? String(contentsOfFile: pid, encoding: .utf8))?.isEmpty == false) ? true : nil
                    } == true)
                process.child.send(signal: SIGINT)
                try #require(try process.waitUntilEnded() == .exited(1))
            }
            try #require(try swiftlet("list", "--json").output == "[]\n")
        }
    }
}
