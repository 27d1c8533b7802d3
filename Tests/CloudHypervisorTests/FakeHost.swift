import JSON

@testable import CloudHypervisor

/// A world without processes: machines are objects that answer as QMP does.
final class FakeHost: VMHost {
    let process: Int32 = 4711
    let version = "1.2"
    /// Files that can't be read, and why.
    var problems: [String: String] = [:]
    /// What the next start is refused with.
    var refusal: APIError?
    private(set) var lines: [String] = []
    /// The options of each start.
    private(set) var starts: [[String]] = []
    private(set) var machines: [FakeMachine] = []

    /// The numbers of the descriptors that the last start got.
    private(set) var passed: [Int32] = []
    let firstPassedNumber: Int32 = 4

    func start(_ start: VMStart) throws(APIError) -> FakeMachine {
        if let refusal { throw refusal }
        starts.append(start.arguments)
        passed = start.descriptors.map { $0.number }
        let terminals = start.terminals.enumerated().map { ($1, "/dev/pts/\(7 + $0)") }
        let machine = FakeMachine(start.arguments, terminals: Dictionary(uniqueKeysWithValues: terminals))
        machines.append(machine)
        return machine
    }

    func problem(with file: String) -> String? { problems[file] }

    func log(_ text: String) { lines.append(text) }
}

/// A descriptor that says when it would be closed.
final class FakeDescriptor: PassedDescriptor {
    let number: Int32
    private let onClose: @Sendable () -> Void

    init(_ number: Int32, onClose: @escaping @Sendable () -> Void = {}) {
        self.number = number
        self.onClose = onClose
    }

    deinit { onClose() }
}

/// What a machine answers to commands of QMP.
final class FakeMachine: VMMachine {
    let terminals: [String: String]
    var isRunning = true
    var hasEnded = false
    /// By their identifiers: what is asked for, and what is plugged.
    var sizes: [String: (requested: UInt64, plugged: UInt64)] = [:]
    /// Bytes that the balloon leaves to the guest.
    private(set) var left: UInt64 = 0
    private(set) var commands: [String] = []

    init(_ arguments: [String], terminals: [String: String]) {
        self.terminals = terminals
        for argument in arguments where argument.hasPrefix("--virtio-mem=id=") {
            let id = argument.dropFirst("--virtio-mem=id=".count).prefix { $0 != "," }
            sizes[String(id)] = (0, 0)
        }
    }

    func execute(_ command: String, _ arguments: [JSONValue.Member]) throws(APIError) -> JSONValue? {
        guard !hasEnded else { return nil }
        if !command.hasPrefix("query-") { commands.append(command) }
        switch command {
        case "query-status":
            return ["running": .boolean(isRunning), "status": isRunning ? "running" : "paused"]
        case "x-swiftlet-query-metrics": return "m 1\n"
        case "stop": isRunning = false
        case "cont": isRunning = true
        case "qom-set":
            let given = JSONValue.object(arguments)
            let id = String(given["path"]?.string?.dropFirst("/machine/peripheral/".count) ?? "")
            sizes[id]?.requested = given["value"]?.unsigned ?? 0
        case "balloon": left = JSONValue.object(arguments)["value"]?.unsigned ?? 0
        case "query-balloon": return ["actual": .number(left)]
        case "query-memory-devices":
            return .array(
                sizes.sorted { $0.key < $1.key }.map { id, size in
                    [
                        "type": "virtio-mem",
                        "data": [
                            "id": .string(id), "node": 0, "requested-size": .number(size.requested),
                            "size": .number(size.plugged), "max-size": .number(UInt64(1) << 32),
                            "block-size": .number(UInt64(1) << 21),
                        ],
                    ]
                })
        default: break
        }
        return [:]
    }

    func rest() {}

    func end() { hasEnded = true }
}
