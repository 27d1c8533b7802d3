import Configuration
import Control
import YAML

/// Reads a scenario's steps.
struct StepParser {
    let reader: NodeReader
    /// Nil where it can't be read: then nothing can be said of names of its parts.
    let machine: MachineFile?

    /// The ids of the machine's memory devices.
    var devices: [String] { machine?.memoryDevices ?? [] }
    private var mistakes: Mistakes { reader.mistakes }

    /// Every kind of step, by its key.
    static let kinds = [
        "resize", "wait", "settle", "check", "host", "guest", "workload", "reboot", "kexec", "stop", "cont", "inject",
        "keep", "measure", "parallel", "repeat", "random",
    ]
    /// Those that wait for nothing that may not come.
    private static let untimed = [
        "check", "host", "stop", "cont", "inject", "keep", "measure", "parallel", "repeat", "random",
    ]
    private static let stepLimit = 10_000

    /// - Parameter place: the number of the step that they are part of, with a dot behind it.
    func steps(_ node: YAMLNode, in place: String) throws(ScenarioError) -> [Step] {
        guard case .sequence(let nodes) = node.content, !nodes.isEmpty else {
            throw reader.error(node.line, "steps: expected a list of steps, each beginning with '- '")
        }
        var steps: [Step] = []
        for (index, node) in nodes.enumerated() {
            let step = mistakes.gather { () throws(ScenarioError) in
                try self.step(node, number: "\(place)\(index + 1)")
            }
            if let step { steps.append(step) }
        }
        return steps
    }

    private func step(_ node: YAMLNode, number: String) throws(ScenarioError) -> Step {
        let (entry, others) = try parts(node)
        var step = Step(
            number: number, name: nil, line: node.line, timeout: Step.defaultTimeout, action: .settle)
        if let name = others["name"] { step.name = try reader.text(name.value, "name") }
        if let timeout = others["timeout"] {
            guard !Self.untimed.contains(entry.key) else {
                throw reader.error(timeout.line, "\(entry.key): it has no timeout")
            }
            step.timeout = try reader.duration(timeout.value, "timeout")
        }
        if let settle = others["settle"], !settle.value.isNull {
            step.timeout = try reader.duration(settle.value, "settle")
        }
        step.action = try action(entry, number: number, others, &step.timeout)
        if case .pause = step.action, let timeout = others["timeout"] {
            throw reader.error(timeout.line, "wait: a duration has no timeout")
        }
        if step.action.restarts, others["timeout"] == nil { step.timeout = Step.restartTimeout }
        return step
    }

    /// What a step does, and what stands beside it.
    private func parts(_ node: YAMLNode) throws(ScenarioError) -> (YAMLNode.Entry, [String: YAMLNode.Entry]) {
        let entries: [YAMLNode.Entry]
        switch node.content {
        case .scalar(let word, _):
            // '- reboot' is short for a step without anything to say.
            let nothing = YAMLNode(.scalar("", isPlain: true), line: node.line)
            entries = [YAMLNode.Entry(key: word, line: node.line, value: nothing)]
        case .mapping(let members): entries = members
        case .sequence: throw unknown(node.line, nil)
        }
        var kinds = entries.filter { Self.kinds.contains($0.key) }
        // 'resize' may have a 'settle' beside it.
        if kinds.count == 2 { kinds.removeAll { $0.key == "settle" } }
        let everywhere = Self.beside(nil)
        guard let entry = kinds.first ?? entries.first(where: { !everywhere.contains($0.key) }) ?? entries.first else {
            throw unknown(node.line, nil)
        }
        guard kinds.count <= 1 else {
            throw reader.error(
                kinds[1].line,
                "a step does one thing: \"\(entry.key)\" or \"\(kinds[1].key)\"; begin another with '- '")
        }
        guard Self.kinds.contains(entry.key) else { throw unknown(entry.line, entry.key) }
        var others: [String: YAMLNode.Entry] = [:]
        let known = Self.beside(entry.key)
        for other in entries where other.key != entry.key {
            guard known.contains(other.key) else {
                throw reader.error(
                    other.line,
                    "\(entry.key): there is no \"\(other.key)\" beside it; there are \(known.joined(separator: ", "))")
            }
            others[other.key] = other
        }
        return (entry, others)
    }

    /// What may stand beside a kind of step; nil for any of them.
    private static func beside(_ kind: String?) -> [String] {
        ["name", "timeout"] + (kind == nil || kind == "resize" ? ["settle", "refused"] : [])
    }

    private func unknown(_ line: Int, _ key: String?) -> ScenarioError {
        reader.error(
            line,
            (key.map { "there is no step \"\($0)\"" } ?? "expected a step") + "; there are "
                + Self.kinds.joined(separator: ", "))
    }

    private func action(
        _ entry: YAMLNode.Entry, number: String, _ others: [String: YAMLNode.Entry], _ timeout: inout UInt64
    ) throws(ScenarioError) -> Step.Action {
        let value = entry.value
        switch entry.key {
        case "resize":
            let refusal = others["refused"]
            if let refusal, others["settle"] != nil {
                throw reader.error(refusal.line, "resize: what is refused does not settle")
            }
            return .resize(
                try resize(
                    value, settles: others["settle"] != nil,
                    refusal: refusal.map { (entry) throws(ScenarioError) in try reader.words(entry.value, "refused") }))
        case "wait": return try wait(value)
        case "settle":
            if !value.isNull { timeout = try reader.duration(value, "settle") }
            return .settle
        case "check": return .check(try conditions(value, "check"))
        case "host": return .check(try host(value))
        case "guest": return .guest(try guest(value))
        case "workload": return try workload(value)
        case "reboot": return .reboot(try reboot(value))
        case "kexec": return .reboot(.kexec(value.isNull ? "" : try reader.text(value, "kexec")))
        case "stop": return try bare(value, "stop", .stop)
        case "cont": return try bare(value, "cont", .cont)
        case "inject": return .inject(try fault(value))
        case "keep": return .keep(try named(value, "keep"))
        case "measure": return .measure(try named(value, "measure"))
        case "parallel": return .parallel(try branches(value, number))
        case "repeat": return try repetition(value, number)
        default: return .random(try random(value))
        }
    }

    private func bare(_ value: YAMLNode, _ name: String, _ action: Step.Action) throws(ScenarioError) -> Step.Action {
        guard value.isNull else { throw reader.error(value.line, "\(name): nothing stands behind it") }
        return action
    }

    // MARK: Steps within steps

    private func branches(_ value: YAMLNode, _ number: String) throws(ScenarioError) -> [[Step]] {
        guard case .sequence(let nodes) = value.content, nodes.count > 1 else {
            throw reader.error(value.line, "parallel: expected a list of steps, or of lists of steps, two at least")
        }
        var branches: [[Step]] = []
        for (index, node) in nodes.enumerated() {
            let place = "\(number).\(index + 1)"
            if case .sequence = node.content {
                branches.append(try steps(node, in: "\(place)."))
            } else {
                let step = mistakes.gather { () throws(ScenarioError) in try self.step(node, number: place) }
                if let step { branches.append([step]) }
            }
        }
        return branches
    }

    private func repetition(_ value: YAMLNode, _ number: String) throws(ScenarioError) -> Step.Action {
        let members = try reader.members(value, "repeat", keys: ["times", "steps"])
        guard let times = members["times"], let list = members["steps"] else {
            throw reader.error(value.line, "repeat: expected times and steps")
        }
        let count = try reader.number(times.value, "times", 1...UInt64(Self.stepLimit))
        return .repeat(Int(count), try steps(list.value, in: "\(number)."))
    }
}

extension Step.Action {
    /// Whether the guest starts anew.
    fileprivate var restarts: Bool {
        switch self {
        case .reboot: true
        case .guest(let command): command.restarts
        default: false
        }
    }
}
