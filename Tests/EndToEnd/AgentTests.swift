import AgentChannel
import AgentProtocol
import Foundation
import Host
import SystemPackage
import Testing

/// Commands and files through the agent of a Linux guest.
@Suite(.serialized, .needsKVMHost) struct AgentTests {
    private let swiftlet: CommandLine

    init() throws {
        swiftlet = CommandLine(directory: try TemporaryDirectory())
    }

    /// What a shell here makes of a line that speaks of `swiftlet`.
    private func shell(_ line: String) throws -> (output: String, status: Int32) {
        let process = try SwiftletProcess(
            ["-c", line.replacing("swiftlet ", with: TestHost.swiftlet + " ")], program: "/bin/sh",
            environment: swiftlet.environment)
        let status = try process.waitUntilEnded(within: .seconds(120))
        guard case .exited(let number) = status else { throw TestFailure("\(line): \(status)") }
        return (process.output.text, number)
    }

    @Test(arguments: GuestKernel.each) func commandsAndFiles(_ kernel: GuestKernel) throws {
        try swiftlet.withAgent(kernel, ["--memory", "256M"]) { process in
            #expect(try swiftlet("exec", "web", "sh", "-c", "echo out; echo err >&2") == ("out\n", "err\n"))
            try swiftlet("exec", "web", "sh", "-c", "exit 3", status: 3)
            try swiftlet("exec", "web", "sh", "-c", "kill -9 $$", status: 137)
            try swiftlet("exec", "web", "no-such-program", status: 127)
            try swiftlet("exec", "web", "/proc/meminfo", status: 126)
            let told = try swiftlet("exec", "-e", "A=b", "-w", "/tmp", "web", "--", "sh", "-c", "echo $A; pwd")
            #expect(told.output == "b\n/tmp\n")
            #expect(try swiftlet("exec", "-u", "1:2", "web", "id", "-u").output == "1\n")
            let sum = try shell("seq 1 100000 | md5sum").output
            #expect(try shell("seq 1 100000 | swiftlet exec -i web md5sum").output == sum)
            try filesGoBothWays()
            try terminal()
            try process.send("pidof swiftlet-agent >/dev/null && echo AGENT''-LIVES\n")
            try process.waitFor("AGENT-LIVES")
            #expect(try swiftlet.connectToAgent().ask(.shutdown(.powerOff)) == .done)
            #expect(try process.waitUntilEnded(within: .seconds(120)) == .exited(0))
        }
    }

    /// The agent as the guest's first process: it reaps orphans, and obeys the power button.
    @Test(arguments: GuestKernel.each) func firstProcess(_ kernel: GuestKernel) throws {
        let arguments = ["--memory", "256M", "--cmdline", "rdinit=/bin/swiftlet-agent"]
        try swiftlet.withAgent(kernel, arguments, hasShell: false) { process in
            #expect(try swiftlet("exec", "web", "cat", "/proc/1/comm").output == "swiftlet-agent\n")
            let modules = try swiftlet("exec", "web", "cat", "/proc/modules").output
            #expect(modules.contains("virtio_mem ") || modules.contains("virtio_mem\n"))
            try swiftlet("exec", "web", "sh", "-c", "for i in 1 2 3; do (sleep 0.2 &); done; sleep 1")
            let states = try swiftlet("exec", "web", "sh", "-c", "grep -h ^State: /proc/[0-9]*/status; true").output
            #expect(!states.contains("zombie"), "\(states)")
            #expect(try swiftlet("exec", "-t", "web", "tty").output == "/dev/pts/0\r\n")
            try swiftlet("stop", "web")
            #expect(try process.waitUntilEnded(within: .seconds(120)) == .exited(0))
        }
    }

    private func filesGoBothWays() throws {
        let script = """
            cd \(swiftlet.directory.path) && mkdir -p tree/deep && seq 1 1500000 >tree/deep/large && ln -s deep tree/link &&
            chmod 751 tree/deep && swiftlet cp tree web:/tmp/ && swiftlet cp web:/tmp/tree back && diff -r tree back &&
            test "$(stat -c %a back/deep)" = 751 && readlink back/link
            """
        #expect(try shell(script) == ("deep\n", 0))
        try swiftlet("cp", "web:/tmp/nothing", swiftlet.directory.path, status: 1)
    }

    /// A shell on a terminal, with Ctrl-C, and the terminal as it was behind it.
    private func terminal() throws {
        let process = try SwiftletProcess(
            ["exec", "-it", "web", "sh"], streams: .terminal, environment: swiftlet.environment)
        try reportingOutput(of: process) {
            let terminal = try #require(process.terminal)
            let before = terminal.state
            try process.send("tty && echo IS''-ONE\r")
            try process.waitFor("IS-ONE")
            #expect(!terminal.isCooked)
            try process.send("sleep 100\r")
            usleep(1_000_000)
            try process.send("\u{3}")
            try process.send("echo STATUS''-$?\r")
            try process.waitFor("STATUS-130")
            try process.send("exit 7\r")
            #expect(try process.waitUntilEnded(within: .seconds(60)) == .exited(7))
            #expect(terminal.state == before)
        }
    }

    /// Memory that comes is seen, and onlined by the agent where the kernel does not do that.
    @Test(arguments: GuestKernel.each) func memory(_ kernel: GuestKernel) throws {
        let arguments = [
            "--memory", "256M", "--virtio-mem", "id=vm0,size=1G", "--cmdline", "memhp_default_state=offline",
        ]
        try swiftlet.withAgent(kernel, arguments) { _ in
            // All of it is there before the agent is asked: what comes later, the kernel onlines, and nobody counts that.
            try swiftlet("resize", "web", "vm0", "256M", "--wait")
            let deadline = ContinuousClock.now + .seconds(60)
            var onlined: UInt32 = 0
            while onlined < 2 {
                let request = AgentRequest.online(OnlineRequest(.movable, staysSo: true))
                guard case .onlineReport(let report) = try swiftlet.connectToAgent().ask(request) else {
                    throw TestFailure("no report")
                }
                #expect(report.refused == 0)
                onlined += report.onlined
                try #require(ContinuousClock.now < deadline)
                usleep(100_000)
            }
            guard case .memoryReport(let report) = try swiftlet.connectToAgent().ask(.memory) else {
                throw TestFailure("no report")
            }
            #expect(report.blockSize == 128 << 20)
            #expect(report.blocks.contains { $0.state == "online" && $0.zones == "Movable" && $0.count == 2 })
            #expect(report.zones.contains { $0.name == "Movable" && $0.managed == 256 << 20 })
            #expect(report.nodes.count == 1)
            // What comes later goes by itself.
            try swiftlet("resize", "web", "vm0", "512M", "--wait")
            let end = ContinuousClock.now + .seconds(60)
            var online: UInt64 = 0
            while online < 4 {
                guard case .memoryReport(let report) = try swiftlet.connectToAgent().ask(.memory) else {
                    throw TestFailure("no report")
                }
                online = report.blocks.filter { $0.state == "online" && $0.zones == "Movable" }.reduce(0) {
                    $0 + UInt64($1.count)
                }
                try #require(online >= 4 || ContinuousClock.now < end, "\(online) are online")
                usleep(100_000)
            }
            let mount = MountRequest(source: "none", target: "/tmp/inner", type: "tmpfs", options: ["size=1M", "ro"])
            #expect(try swiftlet.connectToAgent().ask(.mount(mount)) == .done)
            #expect(try swiftlet("exec", "web", "grep", "/tmp/inner", "/proc/mounts").output.contains("tmpfs ro,"))
            #expect(try swiftlet.connectToAgent().ask(.unmount(target: "/tmp/inner")) == .done)
            try swiftlet("kill", "web")
        }
    }
}
