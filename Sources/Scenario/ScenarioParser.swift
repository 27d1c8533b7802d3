import Configuration
import Control
import YAML

/// Reads a scenario in which nothing is left to choose.
struct ScenarioParser {
    let reader: NodeReader
    private let problem: ScenarioFile.MachineCheck

    /// - Parameters:
    ///   - mistakes: gathers what is wrong.
    ///   - problem: says what is wrong with a machine.
    init(file: String, _ mistakes: Mistakes, problem: @escaping ScenarioFile.MachineCheck) {
        reader = NodeReader(file: file, mistakes)
        self.problem = problem
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
            })
        else { return nil }
        let machine = machine(members["machine"])
        let parser = StepParser(reader: reader, machine: machine)
        let head = head(members, machine)
        let invariants = gather { () throws(ScenarioError) in try self.invariants(members["invariants"], parser) }
        let failure = gather { () throws(ScenarioError) in try self.failure(members["must-fail"]) }
        let steps = gather { () throws(ScenarioError) in
            guard let steps = members["steps"] else {
                throw reader.error(root.line, "expected 'steps:', a list of what the scenario does")
            }
            return try parser.steps(steps.value, in: "")
        }
        guard var scenario = head, let invariants, let failure, let steps, !reader.mistakes.hasAny else { return nil }
        scenario.invariants = invariants
        scenario.failure = failure
        scenario.steps = steps
        parser.checkNames(scenario)
        return reader.mistakes.hasAny ? nil : scenario
    }

    private func gather<Value>(_ body: () throws(ScenarioError) -> Value) -> Value? { reader.mistakes.gather(body) }

    /// A scenario without steps and what holds; nil where something is wrong.
    private func head(_ members: [String: YAMLNode.Entry], _ machine: MachineFile?) -> Scenario? {
        let name = gather { () throws(ScenarioError) in try self.text(members["scenario"]) ?? Self.name(of: reader.file)
        }
        let about = gather { () throws(ScenarioError) in try self.text(members["about"]) ?? "" }
        let tags = gather { () throws(ScenarioError) in try self.tags(members["tags"]) }
        let timeout = gather { () throws(ScenarioError) in
            try members["timeout"].map { (entry) throws(ScenarioError) in try reader.duration(entry.value, "timeout") }
        }
        let interval = gather { () throws(ScenarioError) in try self.interval(members["interval"]) }
        let guest = gather { () throws(ScenarioError) in try self.guest(members["guest"], machine) }
        guard let name, let about, let tags, let timeout, let interval, let guest, let machine else { return nil }
        return Scenario(
            name: name, about: about, tags: tags, timeout: timeout ?? Scenario.defaultTimeout, interval: interval,
            guest: guest, machine: machine, devices: machine.memoryDevices,
            invariants: Invariants(), steps: [])
    }

    private func tags(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> [String] {
        guard let entry else { return [] }
        var tags: [String] = []
        for node in try reader.list(entry.value, "tags") { tags.append(try reader.text(node, "tags")) }
        return tags
    }

    private func interval(_ entry: YAMLNode.Entry?) throws(ScenarioError) -> UInt64 {
        guard let entry else { return Scenario.defaultInterval }
        let interval = try reader.duration(entry.value, "interval")
        guard (50...60_000).contains(interval) else {
            throw reader.error(entry.line, "interval: expected a duration from 50ms to 1m")
        }
        return interval
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

    /// The machine; nil where something is wrong with it.
    private func machine(_ entry: YAMLNode.Entry?) -> MachineFile? {
        guard let entry, !entry.value.isNull else { return MachineFile([]) }
        guard case .mapping(let members) = entry.value.content else {
            reader.mistakes.note(reader.error(entry.line, "machine: expected options of 'swiftlet run'"))
            return nil
        }
        var entries: [MachineFile.Entry] = []
        var isRight = true
        for member in members {
            do throws(ScenarioError) {
                entries += try option(member).entries
            } catch {
                reader.mistakes.note(error)
                isRight = false
            }
        }
        guard isRight else { return nil }
        let machine = MachineFile(entries)
        if let (option, text) = problem(machine) {
            let line = option.flatMap { machine.line(ofOption: $0) } ?? entry.line
            reader.mistakes.note(reader.error(line, "machine: \(text)"))
        }
        return machine
    }

    /// One of the machine's options.
    private func option(_ member: YAMLNode.Entry) throws(ScenarioError) -> MachineFile {
        guard !Self.ownOptions.contains(member.key) else {
            throw reader.error(member.line, "machine: \(member.key) is the scenario's own")
        }
        let options = RunOption.all.map(\.name).filter { !Self.ownOptions.contains($0) }
        guard options.contains(member.key) else {
            throw reader.error(
                member.line,
                "machine: no option is called \"\(member.key)\"; there are \(options.joined(separator: ", "))")
        }
        do throws(YAMLError) {
            return try MachineFile(reading: YAMLNode(.mapping([member]), line: member.line))
        } catch {
            throw reader.error(error.line, "machine: \(error.message)")
        }
    }

    /// Options by which whoever runs the scenario reaches the machine.
    private static let ownOptions = ["serial", "qmp", "vsock", "monitor", "detach", "name", "log-file", "log-format"]

    private func guest(_ entry: YAMLNode.Entry?, _ machine: MachineFile?) throws(ScenarioError) -> GuestChoice {
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
        if guest.kernel != nil || guest.image != .guest,
            machine?.entries.contains(where: { $0.option == "kernel" }) == true
        {
            throw reader.error(entry.line, "guest: its kernel and image are those of 'machine', which names a kernel")
        }
        return guest
    }

    private func invariants(_ entry: YAMLNode.Entry?, _ parser: StepParser) throws(ScenarioError) -> Invariants {
        var invariants = Invariants()
        guard let entry else { return invariants }
        for member in try reader.mapping(entry.value, "invariants", "a mapping, such as 'host.resident: <= 1G'") {
            _ = gather { () throws(ScenarioError) in try self.read(member, parser, into: &invariants) }
        }
        return invariants
    }

    private func read(
        _ member: YAMLNode.Entry, _ parser: StepParser, into invariants: inout Invariants
    ) throws(ScenarioError) {
        switch member.key {
        case "data-intact": invariants.keepsData = try reader.flag(member.value, member.key)
        case "no-violation": invariants.hasNoViolations = try reader.flag(member.value, member.key)
        case "plugged-within-requested": invariants.settling = try reader.duration(member.value, member.key)
        default:
            let condition = try parser.condition(member, named: "invariants")
            if case .unchanged = condition.comparison {
                throw reader.error(member.line, "invariants: \"unchanged\" is for steps that wait")
            }
            if case .kept(let name) = condition.metric {
                throw reader.error(
                    member.line,
                    "invariants: there is no \"\(name)\"; there are data-intact, no-violation, plugged-within-requested,"
                        + " and figures such as host.resident")
            }
            invariants.conditions.append(condition)
        }
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
    var memoryDevices: [String] { values("id", of: "virtio-mem") }

    /// The numbers of its NUMA nodes.
    var nodeNumbers: [UInt32] {
        let numbers = values("node", of: "numa").compactMap { UInt32($0) }
        return numbers.isEmpty ? [0] : numbers
    }

    private func values(_ key: String, of option: String) -> [String] {
        entries.filter { $0.option == option }.compactMap { entry in
            entry.value?.split(separator: ",").first { $0.hasPrefix(key + "=") }.map {
                String($0.dropFirst(key.count + 1))
            }
        }
    }
}
