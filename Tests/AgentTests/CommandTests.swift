import AgentChannel
import AgentProtocol
import Foundation
import Testing

/// Commands that the agent runs, over a Unix socket on this machine.
@Suite(.serialized) struct CommandTests {
    let agent: RunningAgent

    init() throws {
        agent = try RunningAgent()
    }

    @Test func streamsAndStatus() throws {
        let outcome = try agent.run("sh", "-c", "echo out; echo err >&2; exit 3")
        #expect(outcome == .init(output: Array("out\n".utf8), errors: Array("err\n".utf8), status: .exited(3)))
        #expect(try agent.run("sh", "-c", "kill -USR1 $$").status == .killed(signal: 10))
        #expect(try agent.run("sh", "-c", "echo \"$1\"", "sh", "a  b").text == "a  b\n")
    }

    @Test(arguments: [
        (["no-such-program"], "", AgentFailure.Kind.notFound), (["/no/such/program"], "", .notFound),
        (["/etc/passwd"], "", .notExecutable), (["/tmp"], "", .notExecutable), (["true"], "/no/such", .notFound),
    ])
    func commandsThatCannotRun(_ arguments: [String], _ directory: String, _ kind: AgentFailure.Kind) throws {
        let failure = #expect(throws: AgentFailure.self) {
            try agent.run(ExecRequest(arguments, directory: directory))
        }
        #expect(failure?.kind == kind)
        try eventually("nothing is left") { agent.children.isEmpty }
    }

    @Test func environmentAndDirectory() throws {
        let request = ExecRequest(["env"], environment: ["A=b c", "HOME=/x"])
        let lines = Set(try agent.run(request).text.split(separator: "\n"))
        #expect(lines == ["A=b c", "HOME=/x", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        #expect(try agent.run(ExecRequest(["pwd"])).text == "/\n")
        #expect(try agent.run(ExecRequest(["pwd"], directory: "/usr")).text == "/usr\n")
        // It is looked for where the request says.
        try agent.place.write("tool", "#!/bin/sh\necho mine\n", mode: 0o755)
        #expect(try agent.run(ExecRequest(["tool"], environment: ["PATH=\(agent.place.path)"])).text == "mine\n")
    }

    @Test(
        .enabled(if: geteuid() == 0, "needs root, to become others"),
        arguments: [
            ("nobody", "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup)"),
            ("1234:5", "uid=1234 gid=5(tty) groups=5(tty)"),
            ("nobody:tty", "uid=65534(nobody) gid=5(tty) groups=5(tty)"),
            ("0", "uid=0(root) gid=0(root) groups=0(root)"),
        ])
    func users(_ user: String, _ identity: String) throws {
        #expect(try agent.run(ExecRequest(["id"], user: user)).text == identity + "\n")
    }

    @Test func unknownUsers() {
        for user in ["no-such-user", "root:no-such-group"] {
            let failure = #expect(throws: AgentFailure.self) { try agent.run(ExecRequest(["id"], user: user)) }
            #expect(failure?.kind == .notExecutable)
        }
    }

    /// Input arrives whole and ends; without it there is none.
    @Test func input() throws {
        let text = Array("x\0y".utf8)
        #expect(try agent.run(ExecRequest(["cat"], hasInput: true), input: text).output == text)
        #expect(try agent.run("cat") == .init(status: .exited(0)))
        // One that reads nothing of it.
        let much = [UInt8](repeating: 7, count: 200_000)
        for command in ["true", "exec <&-; sleep 0.2"] {
            let request = ExecRequest(["sh", "-c", command], hasInput: true)
            #expect(try agent.run(request, input: much).status == .exited(0))
        }
    }

    /// Commands get what any program expects: no signals ignored, no descriptors of others, the usual limits.
    @Test func commandsStartClean() throws {
        let script = "grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd; ulimit -n"
        let text = try agent.run("sh", "-c", script).text
        let own = try agent.run("cat", "/proc/\(getpid())/limits").text
        let limit = own.split(separator: "\n").first { $0.hasPrefix("Max open files") }?.split(separator: " ")[3]
        #expect(text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n3\n\(limit ?? "")\n")
    }

    @Test func signalsReachTheGroup() throws {
        let channel = try agent.connect()
        try channel.send(AgentRequest.exec(ExecRequest(["sh", "-c", "echo ready; sleep 60; true"])).frame)
        _ = try agent.wait(on: channel) { if case .output = $0 { true } else { nil } }
        try channel.send(ExecInput.signal(15).frame)
        #expect(try agent.finish(channel).status == .killed(signal: 15))
        try eventually("nothing is left") { agent.children.isEmpty }
    }

    /// A command that does not read keeps no signal from itself, and holds no more than its window.
    @Test func signalsPassInput() throws {
        let channel = try agent.connect()
        try channel.send(AgentRequest.exec(ExecRequest(["sleep", "60"], hasInput: true)).frame)
        for _ in 0..<AgentProtocol.inputWindow / AgentProtocol.maximumData {
            try channel.send(ExecInput.input([UInt8](repeating: 0, count: AgentProtocol.maximumData)).frame)
        }
        try channel.send(ExecInput.signal(9).frame)
        #expect(try agent.finish(channel).status == .killed(signal: 9))
    }

    @Test func inputBeyondTheWindow() throws {
        let channel = try agent.connect()
        try channel.send(AgentRequest.exec(ExecRequest(["sleep", "60"], hasInput: true)).frame)
        let failure = #expect(throws: AgentFailure.self) {
            for _ in 0...AgentProtocol.inputWindow / AgentProtocol.maximumData + 1 {
                try channel.send(ExecInput.input([UInt8](repeating: 0, count: AgentProtocol.maximumData)).frame)
            }
            _ = try agent.finish(channel)
        }
        #expect(failure?.kind == .badRequest)
        try eventually("the command has ended") { agent.children.isEmpty }
    }

    @Test func terminals() throws {
        let request = ExecRequest(
            ["sh", "-c", "test -t 0 && stty size; read line; stty size; echo got $line; cat"], hasInput: true,
            terminal: WindowSize(rows: 33, columns: 101))
        let channel = try agent.connect()
        try channel.send(AgentRequest.exec(request).frame)
        var text = ""
        func wait(for wanted: String) throws {
            try agent.wait(on: channel) { message in
                if case .output(let bytes) = message { text += String(decoding: bytes, as: UTF8.self) }
                return text.contains(wanted) ? () : nil
            }
        }
        try wait(for: "33 101\r\n")
        try channel.send(ExecInput.windowSize(WindowSize(rows: 5, columns: 6)).frame)
        try channel.send(ExecInput.input(Array("hello\n".utf8)).frame)
        try wait(for: "5 6\r\ngot hello\r\n")
        // The end of input is Ctrl-D for who reads lines.
        try channel.send(ExecInput.inputEnd.frame)
        #expect(try agent.finish(channel).status == .exited(0))
    }

    @Test func keysOfATerminal() throws {
        let request = ExecRequest(
            ["sh", "-c", "echo ready; sleep 60"], hasInput: true, terminal: WindowSize(rows: 24, columns: 80))
        let channel = try agent.connect()
        try channel.send(AgentRequest.exec(request).frame)
        _ = try agent.wait(on: channel) { if case .output = $0 { true } else { nil } }
        try channel.send(ExecInput.input([3]).frame)
        #expect(try agent.finish(channel).status == .killed(signal: 2))
    }

    /// All that a command wrote arrives before its end, though it goes on in a child that keeps its output.
    @Test func childrenThatOutliveTheirCommand() throws {
        let started = ContinuousClock.now
        let outcome = try agent.run("sh", "-c", "seq 1 20000; sleep 30 & echo $!")
        #expect(outcome.text.hasPrefix((1...20000).map { "\($0)\n" }.joined()))
        #expect(ContinuousClock.now - started < .seconds(20))
        if let child = Int32(outcome.text.split(separator: "\n").last ?? "") { kill(child, SIGKILL) }
    }

    /// What children write that outlive their command is taken for a while, and for no longer.
    @Test func childrenThatWriteLater() throws {
        let script = "(sleep 0.4; echo late; sleep 0.4; echo later >&2) & echo early; exit 3"
        let outcome = try agent.run("sh", "-c", script)
        #expect(outcome.text == "early\nlate\n" && outcome.errorText == "later\n" && outcome.status == .exited(3))
        let started = ContinuousClock.now
        let endless = try agent.run("sh", "-c", "while echo x; do sleep 0.1; done & exit 4")
        #expect(endless.status == .exited(4) && endless.text.count > 10)
        #expect(.seconds(2)...(.seconds(20)) ~= ContinuousClock.now - started)
        try eventually("nothing is left") { agent.children.isEmpty }
    }

    /// What is on its way to a client that reads slowly stays so when the agent has no more to send.
    @Test func clientsThatReadLater() throws {
        _ = try agent.run("true")
        let before = try RunningAgent.settled { agent.descriptorCount }
        do {
            let channel = try agent.connect()
            try channel.send(AgentRequest.exec(ExecRequest(["seq", "10"])).frame)
            _ = try agent.wait(on: channel) { if case .started = $0 { true } else { nil } }
            try eventually("the command has ended") { agent.children.isEmpty }
            usleep(100_000)
            // A client may say what it likes meanwhile: closed with that unread, the connection would be reset.
            try channel.send(ExecInput.windowSize(WindowSize(rows: 1, columns: 1)).frame)
            usleep(100_000)
            #expect(try agent.finish(channel).text == (1...10).map { "\($0)\n" }.joined())
            #expect(agent.descriptorCount == before + 1, "it is the client that closes the connection")
        }
        try eventually("it is closed") { agent.descriptorCount == before }
    }

    /// A client that goes is followed by its command, by SIGHUP or else by SIGKILL.
    @Test(arguments: ["sleep 60", "trap '' HUP; while :; do sleep 1; done"], [false, true])
    func clientsThatGo(_ script: String, _ hasTerminal: Bool) throws {
        let terminal = hasTerminal ? WindowSize(rows: 24, columns: 80) : nil
        var process: Int32 = 0
        do {
            let channel = try agent.connect()
            let request = ExecRequest(["sh", "-c", script + "; true"], hasInput: true, terminal: terminal)
            try channel.send(AgentRequest.exec(request).frame)
            process = try agent.wait(on: channel) {
                if case .started(let process) = $0 { Int32(process) } else { nil }
            }
            #expect(lives(process))
        }
        try eventually("the command has ended") { !lives(process) }
        try eventually("and was reaped") { agent.children.isEmpty }
        #expect(try agent.run("true").status == .exited(0))
    }

    /// One that minds no SIGHUP goes with the first of its group.
    @Test func childrenOfCommandsWhoseClientGoes() throws {
        var child: Int32 = 0
        do {
            let channel = try agent.connect()
            let request = ExecRequest(["sh", "-c", "(trap '' HUP; exec sleep 60) & echo $!; wait"])
            try channel.send(AgentRequest.exec(request).frame)
            child = try agent.wait(on: channel) {
                guard case .output(let bytes) = $0 else { return nil }
                return Int32(String(decoding: bytes.dropLast(), as: UTF8.self))
            }
            // It has come to ignore the signal by now.
            usleep(300_000)
        }
        try eventually("the command's child has ended") { !lives(child) }
    }

    /// Input that comes when the command has ended, while its output is still on its way, takes nothing away from that.
    @Test func inputBehindTheEnd() throws {
        // How much is on its way when nobody takes it depends on the kernel: one of these ends with some in its pipe.
        for count in stride(from: 20_000, through: 120_000, by: 5_000) {
            let channel = try agent.connect()
            let request = ExecRequest(["sh", "-c", "read x; exec seq \(count)"], hasInput: true)
            try channel.send(AgentRequest.exec(request).frame)
            try channel.send(ExecInput.input([10]).frame)
            let started = try agent.wait(on: channel) {
                if case .started(let process) = $0 { Int32(process) } else { nil }
            }
            for _ in 0..<100 where lives(started) { usleep(10_000) }
            if lives(started) { return try channel.send(ExecInput.signal(9).frame) }
            // Where all has gone out, the connection is closed.
            try? channel.send(ExecInput.input([10]).frame)
            let outcome = try agent.finish(channel)
            #expect(outcome.status == .exited(0), "\(count)")
            #expect(outcome.text == (1...count).map { "\($0)\n" }.joined(), "\(count)")
        }
        Issue.record("no command was kept by its output")
    }

    /// Programs of another user can open what they are given once more.
    @Test(.enabled(if: geteuid() == 0, "needs root, to become others")) func streamsOfAnotherUser() throws {
        let outcome = try agent.run(
            ExecRequest(["sh", "-c", "echo out >/dev/stdout; echo err >/dev/stderr"], user: "nobody"))
        #expect(outcome.text == "out\n" && outcome.errorText == "err\n" && outcome.status == .exited(0))
    }

    /// A reader that takes nothing makes the command wait, and costs little memory.
    @Test func slowReaders() throws {
        let before = agent.residentSize
        let channels = try (0..<10).map { _ in
            let channel = try agent.connect()
            try channel.send(AgentRequest.exec(ExecRequest(["yes"])).frame)
            return channel
        }
        usleep(700_000)
        #expect(agent.residentSize - before < 16 << 10)
        #expect(agent.children.count == 10)
        for channel in channels { try channel.send(ExecInput.signal(9).frame) }
        for channel in channels { #expect(try agent.finish(channel).status == .killed(signal: 9)) }
    }

    @Test func streamsThatAreClosedEarly() throws {
        #expect(try agent.run("sh", "-c", "exec >&- 2>&-; exit 4").status == .exited(4))
        #expect(try agent.run("sh", "-c", "exec <&- >&- 2>&-; sleep 0.1").status == .exited(0))
    }

    @Test func information() throws {
        guard case .informationReport(let information) = try agent.connect().ask(.information) else {
            throw TestProblem(text: "no information")
        }
        #expect(information.process == UInt32(agent.pid))
        #expect(information.commands == 0)
        #expect(!information.kernel.isEmpty)
    }

    @Test func memory() throws {
        guard case .memoryReport(let report) = try agent.connect().ask(.memory) else {
            throw TestProblem(text: "no report")
        }
        let total = report.amounts.first { $0.name == "MemTotal" }?.value ?? 0
        #expect(total == UInt64(ProcessInfo.processInfo.physicalMemory))
        #expect(report.zones.contains { $0.managed > 0 && $0.free > 0 })
    }

    /// Clients that send anything else are told so, and nobody else notices.
    @Test func hostileClients() throws {
        var random = SystemRandomNumberGenerator()
        let begin = try RunningAgent.settled { agent.descriptorCount }
        for round in 0..<200 {
            let channel = try agent.connect()
            var bytes = ProtocolTests.requests[round % 2].frame.bytes
            if round % 3 != 0 {
                bytes = bytes.map { _ in .random(in: 0...255, using: &random) }
            } else {
                bytes.removeLast(Int.random(in: 1..<bytes.count, using: &random))
            }
            try? channel.descriptor.write(all: bytes[...])
        }
        #expect(try agent.run("true").status == .exited(0))
        do {
            let channel = try agent.connect()
            try channel.descriptor.write(all: Array("GET / HTTP/1.1\r\n\r\n".utf8)[...])
            let frame = try #require(try channel.receive())
            guard case .failed(let failure) = try AgentMessage(frame) else { throw TestProblem(text: "\(frame)") }
            #expect(failure.kind == .badRequest)
            #expect(try channel.receive() == nil, "it has nothing more to say")
        }
        try eventually("descriptors are closed") { agent.descriptorCount <= begin }
    }
}
