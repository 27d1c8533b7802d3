import Configuration
import Control
import YAML

/// Reads a scenario in which nothing is left to choose.
struct ScenarioParser {
    let reader: NodeReader
    private let mistakes: Mistakes

    /// - Parameter mistakes: gathers what is wrong.
    init(file: String, _ mistakes: Mistakes) {
        reader = NodeReader(file: file)
        self.mistakes = mistakes
    }

    static let keys = [
        "scenario", "about", "tags", "timeout", "interval", "matrix", "guest", "machine", "invariants", "steps",
        "must-fail",
    ]

    /// - Returns: nil where something is wrong.
    func scenario(_ root: YAMLNode) -> Scenario? {
        guard
            let members = gather({ () throws(ScenarioError) in
                try reader.members(root, "the scenario", keys: Self.keys)
            }), let machine = gather({ () throws(ScenarioError) in try self.machine(members["machine"]) })
        else { return nil }
        let parser = StepParser(reader: reader, devices: machine.devices, mistakes: mistakes)
        let head = gather { () throws(ScenarioError) in try self.head(members, machine) }
        let invariants = gather { () throws(ScenarioError) in try self.invariants(members["invariants"], parser) }
        let failure = gather { () throws(ScenarioError) in try self.failure(members["must-fail"]) }
        let steps = gather { () throws(ScenarioError) in
            guard let steps = members["steps"] else {
                throw reader.error(root.line, "expected 'steps:', a list of what the scenario does")
            }
            return try parser.steps(steps.value, in: "")
        }
        guard var scenario = head, let invariants, let failure, let steps else { return nil }
        scenario.invariants = invariants
        scenario.failure = failure
        scenario.steps = steps
        return gather { () throws(ScenarioError) in
            try parser.checkNames(scenario)
            return scenario
        }
    }

    private func gather<Value>(_ body: () throws(ScenarioError) -> Value) -> Value? { mistakes.gather(body) }

    /// A scenario without steps and what holds.
    private func head(_ members: [String: YAMLNode.Entry], _ machine: MachineFile) throws(ScenarioError) -> Scenario {
        var scenario = Scenario(
            name: try text(members["scenario"]) ?? Self.name(of: reader.file), about: try text(members["about"]) ?? "",
            tags: [], timeout: Scenario.defaultTimeout, interval: Scenario.defaultInterval,
            guest: try guest(members["guest"]), machine: machine, machineLine: members["machine"]?.line ?? 1,
            devices: machine.devices, invariants: Invariants(), steps: [])
        if scenario.guest.kernel != nil || scenario.guest.image != .guest, let guest = members["guest"],
            machine.entries.contains(where: { $0.option == "kernel" })
        {
            throw reader.error(guest.line, "guest: its kernel and image are those of 'machine', which names a kernel")
        }
        if let tags = members["tags"] {
            for node in try reader.list(tags.value, "tags") { scenario.tags.append(try reader.text(node, "tags")) }
        }
        if let timeout = members["timeout"] { scenario.timeout = try reader.duration(timeout.value, "timeout") }
        if let interval = members["interval"] {
            scenario.interval = try reader.duration(interval.value, "interval")
            guard (50...60_000).contains(scenario.interval) else {
                throw reader.error(interval.line, "interval: expected a duration from 50ms to 1m")
            }
        }
        return scenario
    }

    private func text(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> String? {
        guard let entry else { return nil }
        return try reader.text(entry.value, entry.key)
    }

    /// `grow` of `Tests/Scenarios/grow.yaml`.
    private static func name(of path: String) -> String {
        let last = path.split(separator: "/").last.map(String.init) ?? path
        for end in [".yaml", ".yml", ".json"] where last.hasSuffix(end) { return String(last.dropLast(end.count)) }
        return last
    }

    private func machine(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> MachineFile {
        guard let entry else { return MachineFile([]) }
        do throws(YAMLError) {
            let machine = try MachineFile(reading: entry.value)
            if let own = machine.entries.first(where: { Self.ownOptions.contains($0.option) }) {
                throw YAMLError(line: own.line ?? entry.line, "\(own.option) is the scenario's own")
            }
            return machine
        } catch {
            throw reader.error(error.line, "machine: \(error.message)")
        }
    }

    /// Options by which whoever runs the scenario reaches the machine.
    private static let ownOptions = ["serial", "qmp", "vsock", "monitor", "detach", "name", "log-file", "log-format"]

    private func guest(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> GuestChoice {
        var guest = GuestChoice()
        guard let entry else { return guest }
        let members = try reader.members(
            entry.value, "guest", keys: ["kernel", "image", "online", "init-on-alloc", "command-line"])
        guest.kernel = try text(members["kernel"])
        if let image = members["image"] { guest.image = try reader.choice(image.value, "image") }
        if let online = members["online"] { guest.onlining = try reader.choice(online.value, "online") }
        if let zeroing = members["init-on-alloc"] {
            guest.initializesMemory = try reader.flag(zeroing.value, "init-on-alloc")
        }
        guest.commandLine = try text(members["command-line"]) ?? ""
        return guest
    }

    private func invariants(_ entry: YAMLNode.Entry?, _ parser: StepParser) throws(ScenarioError) -> Invariants {
        var invariants = Invariants()
        guard let entry else { return invariants }
        for member in try reader.mapping(entry.value, "invariants", "a mapping, such as 'host.resident: <= 1G'") {
            switch member.key {
            case "data-intact": invariants.keepsData = try reader.flag(member.value, member.key)
            case "no-violation": invariants.hasNoViolations = try reader.flag(member.value, member.key)
            case "plugged-within-requested": invariants.settling = try reader.duration(member.value, member.key)
            default:
                let condition = try parser.condition(member, named: "invariants")
                if case .unchanged = condition.comparison {
                    throw reader.error(member.line, "invariants: \"unchanged\" is for steps that wait")
                }
                invariants.conditions.append(condition)
            }
        }
        return invariants
    }

    private func failure(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> ExpectedFailure? {
        guard let entry else { return nil }
        let members = try reader.members(entry.value, "must-fail", keys: ["kind", "message"])
        guard let kind = members["kind"] else {
            throw reader.error(entry.line, "must-fail: expected the failure's kind, such as 'kind: check'")
        }
        return ExpectedFailure(
            kind: try reader.choice(kind.value, "kind"), message: try text(members["message"]) ?? "")
    }
}

extension MachineFile {
    /// The ids of its memory devices.
    fileprivate var devices: [String] {
        entries.filter { $0.option == "virtio-mem" }.compactMap { entry in
            entry.value?.split(separator: ",").first { $0.hasPrefix("id=") }.map { String($0.dropFirst(3)) }
        }
    }
}
