import AgentProtocol
import Foundation
import Host
import RunDirectory
import SystemPackage
import Testing

/// `swiftlet exec` and `swiftlet cp`, with an agent behind a stand-in for a machine's vsock.
@Suite(.serialized) struct ClientTests {
    let agent: RunningAgent
    let machine: StandInMachine

    init() throws {
        agent = try RunningAgent()
        machine = try StandInMachine(name: "web", agent: agent.socket)
    }

    private func run(_ line: String) throws -> (output: String, errors: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = ["-c", line]
        process.environment = ProcessInfo.processInfo.environment.merging([
            "PATH": RunningAgent.builtPrograms + ":/usr/bin:/bin", "XDG_RUNTIME_DIR": machine.runtime, "GIVEN": "mine",
        ]) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: agent.place.path)
        let (output, errors) = (agent.place.file(".output"), agent.place.file(".errors"))
        for file in [output, errors] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        return (try agent.place.read(".output"), try agent.place.read(".errors"), process.terminationStatus)
    }

    @Test(arguments: [
        ("swiftlet exec web echo hello", "hello\n", 0), ("swiftlet exec web -- echo hello", "hello\n", 0),
        ("swiftlet exec web sh -c 'exit 3'", "", 3), ("swiftlet exec web sh -c 'exit 64'", "", 64),
        ("swiftlet exec web sh -c 'kill -9 $$'", "", 137),
        ("swiftlet exec web -w /usr -- pwd", "/usr\n", 0), ("swiftlet exec --workdir=/usr web pwd", "/usr\n", 0),
        ("swiftlet exec -e A=b -e GIVEN -e MISSING web sh -c 'echo $A $GIVEN ${MISSING-none}'", "b mine none\n", 0),
        (
            "printf '# all\n\n  C=c d\nGIVEN\nMISSING\n' >v; swiftlet exec -e A=b --env-file v web sh -c 'echo $A $C $GIVEN'",
            "b c d mine\n", 0
        ),
        (
            "(printf 'A=b\nC='; sleep 0.2; echo d) | swiftlet exec --env-file /dev/stdin web sh -c 'echo $A $C'",
            "b d\n", 0
        ),
        (
            "swiftlet exec -d web sh -c 'echo lost; sleep 1; touch '$PWD/late; test -e late; echo $?; sleep 3; test -e late",
            "1\n", 0
        ),
        ("swiftlet exec web echo -it --help -- x", "-it --help -- x\n", 0),
        ("echo hi | swiftlet exec -i web cat", "hi\n", 0), ("echo hi | swiftlet exec web cat", "", 0),
        ("swiftlet exec -i web cat <.input", "from a file\n", 0),
        ("swiftlet exec -t web sh -c 'test -t 1 && echo terminal'", "terminal\r\n", 0),
        ("swiftlet exec web yes | head -n 2", "y\ny\n", 0),
        // A reader that goes when the command has ended, and its output is on its way.
        ("swiftlet exec web seq 20000 | (sleep 1; head -n 2)", "1\n2\n", 0),
        ("swiftlet exec web sh -c '(sleep 0.5; echo late) & echo early'", "early\nlate\n", 0),
        // Tens of thousands of variables, two of which are given again.
        (
            "seq 60000 | sed 's/^/A/; s/$/=/' >v; swiftlet exec --env-file v -e PATH=/bin -e A7=seven web sh -c 'echo $A7 $PATH'",
            "seven /bin\n", 0
        ),
    ])
    func commands(_ line: String, _ output: String, _ status: Int32) throws {
        try agent.place.write(".input", "from a file\n")
        let outcome = try run(line)
        #expect(outcome == (output, "", status))
        try eventually("nothing is left") { agent.children.isEmpty }
    }

    @Test(arguments: [
        ("swiftlet exec web no-such-program", 127, "web: no-such-program: No such file or directory"),
        ("swiftlet exec web /etc/passwd", 126, "web: /etc/passwd: Permission denied"),
        ("swiftlet exec -w /no/such web true", 127, "web: true: its directory: No such file or directory"),
        ("swiftlet exec -u no-such web true", 126, "web: true: the guest has no user no-such"),
        ("swiftlet exec nobody true", 1, "no machine called 'nobody' runs; there are: web"),
        ("swiftlet exec web", 125, "give a command to run"),
        ("swiftlet exec web seq 100000 >/dev/full", 1, "can't be written here: No space left on device"),
        ("timeout 20 swiftlet exec web echo hi >/dev/full", 1, "can't be written here: No space left on device"),
        ("swiftlet exec -d web no-such-program", 127, "web: no-such-program: No such file or directory"),
        ("swiftlet exec -d -i web cat", 125, "leave -i and -t out"),
        ("swiftlet exec --env-file none web true", 1, "--env-file none: cannot be read: No such file or directory"),
        (
            "seq 200000 | sed s/^/A=/ >long; swiftlet exec --env-file long web true", 1,
            "--env-file long: cannot be read: File too large"
        ),
        ("swiftlet exec --no-such web true", 125, "unknown option"),
        ("swiftlet exec -it web sh", 1, "the input is no terminal: leave -t out"),
        ("swiftlet cp nothing web:/tmp", 1, "cp: nothing: No such file or directory"),
        ("swiftlet cp web:/no/such .", 1, "cp: in the guest: /no/such: No such file or directory"),
        ("swiftlet cp a b", 1, "one side is to be NAME:PATH"), ("swiftlet cp web:/a web:/b", 1, "between two guests"),
    ])
    func mistakes(_ line: String, _ status: Int32, _ message: String) throws {
        let outcome = try run(line)
        #expect(outcome.status == status)
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test func files() throws {
        let line = """
            mkdir -p tree/deep && echo x >tree/deep/x && swiftlet cp tree web:$PWD/there && diff -r tree there &&
            swiftlet cp web:$PWD/there/. back && diff -r tree back && swiftlet cp tree/deep/x web:$PWD/y && cmp tree/deep/x y &&
            mkdir dir && swiftlet cp web:$PWD/tree/deep dir && ls dir && swiftlet cp . web:$PWD/dir 2>&1 | head -c 0
            """
        #expect(try run(line) == ("deep\n", "", 0))
    }

    /// Signals go to the command, and the third one ends the client.
    @Test func signals() throws {
        let obeying = "sh -c 'trap \"echo told; exit 5\" INT; while :; do sleep 0.1; done'"
        #expect(try run("timeout -s INT 1 swiftlet exec web \(obeying)").output == "told\n")
        let line = """
            swiftlet exec web sh -c 'trap "" INT; sleep 30; sleep 30' & sleep 1
            for i in 1 2 3; do kill -INT $!; sleep 0.3; done; wait $!; echo $?
            """
        #expect(try run("set -m; " + line).output == "130\n")
        try eventually("the command is ended") { agent.children.isEmpty }
    }

    /// Also while somebody does not take what it wrote.
    @Test func signalsWhileOutputWaits() throws {
        let line = """
            mkfifo pipe; exec 5<>pipe
            swiftlet exec web sh -c 'trap "" TERM; seq 20000' >pipe & sleep 1
            kill -TERM $!; sleep 0.5; kill -TERM $!; sleep 0.5; kill -TERM $!; wait $!; echo $?
            """
        let begun = ContinuousClock.now
        // The command was done: one signal is enough, and its status stays.
        #expect(try run(line).output == "0\n")
        #expect(ContinuousClock.now - begun < .seconds(10))
    }

    /// What a guest says is shown, and does nothing to the terminal.
    @Test func escapesInMessages() throws {
        let outcome = try run("swiftlet cp web:$PWD/$'no\\e]0;title\\a' .")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("no?]0;title?: No such file or directory"), "\(outcome.errors)")
    }

    /// A guest without an agent is told from one that has none of that name.
    @Test func silentGuests() throws {
        machine.refuses = true
        let outcome = try run("swiftlet exec web true")
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("web: no agent answers in the guest"))
    }
}
