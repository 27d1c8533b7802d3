import AgentChannel
import AgentProtocol
import Foundation
import Testing

/// Many commands in a guest by `swiftlet exec`, and nothing of them left on either side.
@Suite(.serialized, .needsKVMHost) struct ExecLoadTests {
    private let swiftlet: CommandLine

    init() throws {
        swiftlet = CommandLine(directory: try TemporaryDirectory())
    }

    /// What the machine's process and the guest's agent have.
    private struct Holdings {
        let descriptors: Int
        /// Bytes of the machine's process beside its guest's memory.
        let memory: UInt64
        let agentDescriptors: Int
        /// KiB.
        let agentMemory: Int
        /// In the guest, without the kernel's.
        let processes: Int
        /// Of those that nobody has reaped.
        let dead: Int

        func isAtMost(_ other: Holdings) -> Bool {
            descriptors <= other.descriptors && agentDescriptors <= other.agentDescriptors
                && processes <= other.processes && dead <= other.dead
        }
    }

    private func holdings(_ machine: SwiftletProcess) throws -> Holdings {
        let pid = machine.child.pid
        let script = """
            agent=$(pidof swiftlet-agent | tr ' ' '\\n' | sort -n | head -n 1)
            ls /proc/$agent/fd | wc -l; sed -n 's/^VmRSS:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/$agent/status
            for p in /proc/[0-9]*; do [ -n "$(tr -d '\\0' <$p/cmdline 2>/dev/null)" ] && echo $p; done | wc -l
            grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l
            """
        let output = try swiftlet("exec", "web", "sh", "-c", script).output
        let numbers = output.split(separator: "\n").compactMap { Int($0) }
        try #require(numbers.count == 4, "\(numbers)")
        return Holdings(
            descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count,
            memory: try HostMemory(pid: pid).proportionalBesideGuest, agentDescriptors: numbers[0],
            agentMemory: numbers[1], processes: numbers[2], dead: numbers[3])
    }

    /// Commands that are under way together.
    private func start(_ count: Int, _ command: (Int) -> [String]) throws -> [SwiftletProcess] {
        try (0..<count).map { try SwiftletProcess(["exec"] + command($0), environment: swiftlet.environment) }
    }

    private func manyAtOnce() throws {
        let clients = try start(100) { ["-i", "web", "sh", "-c", "read line; echo \($0) $line; exit \($0)"] }
        for client in clients { try client.send("go\n") }
        for (number, client) in clients.enumerated() {
            let status = try client.waitUntilEnded(within: .seconds(600))
            #expect(status == .exited(Int32(number)), "\(client.transcript)")
            #expect(client.output.text == "\(number) go\n")
        }
    }

    private func oneAfterTheOther() throws {
        for number in 0..<200 {
            #expect(try swiftlet("exec", "web", "echo", "\(number)").output == "\(number)\n")
        }
    }

    /// A command whose connection is this process's own.
    private func begin(_ request: ExecRequest, input: [ExecInput] = []) throws -> AgentChannel {
        let channel = try swiftlet.connectToAgent()
        try channel.send(AgentRequest.exec(request).frame)
        for piece in input { try channel.send(piece.frame) }
        return channel
    }

    /// What it writes; nil where it does not end well.
    private func outcome(_ channel: AgentChannel) throws -> String? {
        var output: [UInt8] = []
        var isWell = false
        while let frame = try channel.receive() {
            switch try AgentMessage(frame) {
            case .output(let bytes): output += bytes
            case .exited(let status): isWell = status == .exited(0)
            default: break
            }
        }
        return isWell ? String(decoding: output, as: UTF8.self) : nil
    }

    /// As many as there are to be all told, a few at a time, and without a process here for each of them.
    private func thousands() throws {
        for round in 0..<980 {
            let numbers = 10 * round..<10 * round + 10
            let channels = try numbers.map { try begin(ExecRequest(["echo", "\($0)"])) }
            for (number, channel) in zip(numbers, channels) {
                #expect(try outcome(channel) == "\(number)\n")
            }
        }
    }

    /// Terminals whose windows change all the while.
    private func terminals() throws {
        for round in 0..<10 {
            let sizes = (1...20).map { WindowSize(rows: UInt16(10 * round + $0), columns: UInt16(100 + $0)) }
            let request = ExecRequest(
                ["sh", "-c", "read line; stty size"], hasInput: true, terminal: WindowSize(rows: 24, columns: 80))
            let channels = try (0..<10).map { _ in
                try begin(request, input: sizes.map(ExecInput.windowSize) + [.input([10])])
            }
            for channel in channels {
                #expect(try outcome(channel)?.contains("\(10 * round + 20) 120\r\n") == true)
            }
        }
    }

    private func muchInputAndOutput() throws {
        let line = "head -c 67108864 /dev/zero | swiftlet exec -i web cat | md5sum; head -c 67108864 /dev/zero | md5sum"
        let process = try SwiftletProcess(
            ["-c", line.replacing("swiftlet ", with: TestHost.swiftlet + " ")], program: "/bin/sh",
            environment: swiftlet.environment)
        #expect(try process.waitUntilEnded(within: .seconds(600)) == .exited(0))
        let sums = process.output.text.split(separator: "\n")
        #expect(sums.count == 2 && sums[0] == sums[1], "\(process.transcript)")
    }

    /// What a killed client was running ends, too.
    private func killedClients() throws {
        let clients = try start(20) { _ in ["web", "sleep", "100000"] }
        func sleepers() throws -> Int {
            let text = try swiftlet("exec", "web", "sh", "-c", "pidof sleep | wc -w").output
            return Int(text.dropLast()) ?? -1
        }
        let deadline = Deadline(.seconds(300))
        while try sleepers() < 20, !deadline.hasPassed { usleep(200_000) }
        #expect(try sleepers() == 20)
        for client in clients { kill(client.child.pid, SIGKILL) }
        while try sleepers() > 0, !deadline.hasPassed { usleep(200_000) }
        #expect(try sleepers() == 0)
    }

    private func killedCommands() throws {
        for _ in 0..<20 { try swiftlet("exec", "web", "sh", "-c", "kill -9 $$", status: 137) }
    }

    @Test(arguments: GuestKernel.each) func nothingIsLeft(_ kernel: GuestKernel) throws {
        try swiftlet.withAgent(kernel, ["--memory", "512M"]) { machine in
            // What is allocated once is no leak.
            try manyAtOnce()
            let before = try holdings(machine)
            try oneAfterTheOther()
            try thousands()
            try terminals()
            try manyAtOnce()
            try muchInputAndOutput()
            try killedClients()
            try killedCommands()
            let deadline = Deadline(.seconds(60))
            var after = try holdings(machine)
            while !after.isAtMost(before), !deadline.hasPassed {
                usleep(500_000)
                after = try holdings(machine)
            }
            print("before: \(before)\nafter: \(after)")
            #expect(after.isAtMost(before))
            #expect(after.memory < before.memory + 1 << 20)
            #expect(after.agentMemory < before.agentMemory + 1 << 10)
            try swiftlet("kill", "web")
        }
    }
}
