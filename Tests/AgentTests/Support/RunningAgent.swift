import AgentChannel
import AgentProtocol
import Foundation
import Host
import SystemPackage

/// The built `swiftlet-agent`, as a service at a Unix socket. It ends with this value.
final class RunningAgent {
    let place: Place
    private let process: Process
    let socket: String

    /// Where `swift build` put the programs, which is where it put the tests.
    static var builtPrograms: String {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (tests as NSString).deletingLastPathComponent
    }

    init() throws {
        ignoreBrokenPipes()
        place = try Place()
        socket = place.file("agent")
        process = Process()
        process.executableURL = URL(fileURLWithPath: Self.builtPrograms + "/swiftlet-agent")
        process.arguments = ["--listen", "unix:\(socket)"]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        try eventually("the agent listens") { (try? UnixSocket.isListenedAt(FilePath(socket))) == true }
    }

    deinit {
        process.terminate()
        process.waitUntilExit()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func connect() throws -> AgentChannel { AgentChannel(try UnixSocket.connect(to: FilePath(socket))) }

    /// What a command left.
    struct Outcome: Equatable {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var status: CommandStatus?

        var text: String { String(decoding: output, as: UTF8.self) }
        var errorText: String { String(decoding: errors, as: UTF8.self) }
    }

    /// Runs a command to its end, with all of its input sent at once.
    func run(_ request: ExecRequest, input: [UInt8]? = nil) throws -> Outcome {
        let channel = try connect()
        try channel.send(AgentRequest.exec(request).frame)
        if let input {
            try channel.send(ExecInput.input(input).frame)
            try channel.send(ExecInput.inputEnd.frame)
        }
        return try finish(channel)
    }

    func run(_ arguments: String...) throws -> Outcome { try run(ExecRequest(arguments)) }

    /// Takes what comes until the command has ended.
    func finish(_ channel: AgentChannel) throws -> Outcome {
        var outcome = Outcome()
        while let frame = try channel.receive() {
            switch try AgentMessage(frame) {
            case .output(let bytes): outcome.output += bytes
            case .errors(let bytes): outcome.errors += bytes
            case .exited(let status): outcome.status = status
            case .failed(let failure): throw failure
            default: break
            }
        }
        return outcome
    }

    /// The next message of a kind that a function looks for.
    func wait<Value>(on channel: AgentChannel, for pick: (AgentMessage) -> Value?) throws -> Value {
        while let frame = try channel.receive() {
            let message = try AgentMessage(frame)
            if case .failed(let failure) = message { throw failure }
            if let value = pick(message) { return value }
        }
        throw TestProblem(text: "the connection ended")
    }

    // MARK: What it holds

    /// A number that has not changed for a while.
    static func settled(_ number: () -> Int) throws -> Int {
        var last = number()
        var since = MonotonicInstant.now()
        try eventually("it settles") {
            let now = number()
            if now != last { (last, since) = (now, .now()) }
            return since.milliseconds(until: .now()) > 200
        }
        return last
    }

    /// Its open descriptors.
    var descriptorCount: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? -1
    }

    /// Its children, dead ones that nobody has reaped too.
    var children: [Int32] {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)) ?? ""
        return text.split(separator: " ").compactMap { Int32($0) }
    }

    /// Its resident memory, in KiB.
    var residentSize: Int {
        let text = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") } ?? ""
        return Int(line.split(separator: " ").dropFirst().first.map(String.init) ?? line.filter(\.isNumber)) ?? -1
    }
}

struct TestProblem: Error {
    let text: String
}

/// Waits until something holds, for half a minute.
func eventually(_ what: String, _ condition: () -> Bool) throws {
    let deadline = MonotonicInstant.now().advanced(byMilliseconds: 30_000)
    while !condition() {
        guard MonotonicInstant.now() < deadline else { throw TestProblem(text: "not so in time: \(what)") }
        usleep(10_000)
    }
}

/// Whether a process is there, and not only waiting to be reaped.
func lives(_ process: Int32) -> Bool {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
        let state = text.split(separator: ")").last?.split(separator: " ").first
    else { return false }
    return state != "Z" && state != "X"
}
