import YAML

/// What stands behind the keys of steps.
extension StepParser {
    func resize(_ value: YAMLNode, settles: Bool, refusal: String?) throws(ScenarioError) -> Resize {
        var targets: [Resize.Target] = []
        let entries = try reader.mapping(value, "resize", "sizes by device, such as 'vm0: 1G' or 'vm0: +256M'")
        guard !entries.isEmpty else { throw reader.error(value.line, "resize: expected a device with its size") }
        reader.each(entries) { (entry) throws(ScenarioError) in targets.append(try target(entry)) }
        return Resize(targets: targets, settles: settles, refusal: refusal)
    }

    private func target(_ entry: YAMLNode.Entry) throws(ScenarioError) -> Resize.Target {
        try checkDevice(entry.key, entry.line, orAll: true)
        var text = try reader.text(entry.value, entry.key).trimmed
        let sign = text.first
        if sign == "+" || sign == "-" { text.removeFirst() }
        let expression: Expression
        do throws(ParseFailure) {
            expression = try Expression(parsing: text)
        } catch {
            throw reader.error(entry.value.line, "resize: \(entry.key): \(error.message)")
        }
        return Resize.Target(
            id: entry.key == "all" ? nil : entry.key,
            amount: sign == "+" || sign == "-"
                ? .relative(expression, isLess: sign == "-") : .absolute(expression), line: entry.line)
    }

    private func checkDevice(_ id: String, _ line: Int, orAll: Bool) throws(ScenarioError) {
        if orAll, id == "all", !devices.isEmpty { return }
        guard machine == nil || devices.contains(id) else {
            throw reader.error(
                line,
                "there is no memory device \"\(id)\"; "
                    + (devices.isEmpty ? "the machine has none" : "there are \(devices.joined(separator: ", "))")
                    + (orAll && !devices.isEmpty ? ", and all" : ""))
        }
    }

    // MARK: Conditions

    func condition(_ entry: YAMLNode.Entry, named name: String) throws(ScenarioError) -> Condition {
        let text = try reader.text(entry.value, entry.key)
        do throws(ParseFailure) {
            return Condition(
                metric: try Metric(parsing: entry.key), comparison: try Comparison(parsing: text), line: entry.line)
        } catch {
            throw reader.error(entry.line, "\(name): \(error.message)")
        }
    }

    func conditions(_ value: YAMLNode, _ name: String) throws(ScenarioError) -> [Condition] {
        let entries = try reader.mapping(value, name, "figures with what they are to be, such as 'vm0.plugged: 1G'")
        guard !entries.isEmpty else { throw reader.error(value.line, "\(name): expected a figure") }
        return conditions(entries, name)
    }

    /// What figures are to be; what is wrong with any is noted.
    private func conditions(_ entries: [YAMLNode.Entry], _ name: String) -> [Condition] {
        var conditions: [Condition] = []
        reader.each(entries) { (entry) throws(ScenarioError) in
            let condition = try condition(entry, named: name)
            if name != "wait", condition.isUnchanged {
                throw reader.error(entry.line, "\(name): \"unchanged\" is for 'wait'")
            }
            conditions.append(condition)
        }
        return conditions
    }

    func wait(_ value: YAMLNode) throws(ScenarioError) -> Step.Action {
        switch value.content {
        case .scalar: return .pause(try reader.duration(value, "wait"))
        case .sequence: throw reader.error(value.line, "wait: expected a duration, or figures with what they are to be")
        case .mapping(let entries):
            if entries.count == 1, let entry = entries.first {
                if entry.key == "console" { return .console(try reader.words(entry.value, "console")) }
                if entry.key == "guest" { return .waitForGuest(try reader.words(entry.value, "guest")) }
            }
            if let timeout = entries.first(where: { $0.key == "timeout" }) {
                throw reader.error(timeout.line, "wait: timeout stands beside it, not in it")
            }
            return .wait(try conditions(value, "wait"))
        }
    }

    /// `host: {resident: <= 1G, events: {RESET: 0}}`.
    func host(_ value: YAMLNode) throws(ScenarioError) -> [Condition] {
        var entries: [YAMLNode.Entry] = []
        func add(_ list: [YAMLNode.Entry], _ prefix: String) {
            entries += list.map { YAMLNode.Entry(key: prefix + $0.key, line: $0.line, value: $0.value) }
        }
        for entry in try reader.mapping(value, "host", "figures, such as 'resident: <= 1G'") {
            if entry.key == "events" {
                add(try reader.mapping(entry.value, "events", "counts by event, such as 'RESET: 0'"), "events.")
            } else {
                add([entry], "host.")
            }
        }
        guard !entries.isEmpty else { throw reader.error(value.line, "host: expected a figure") }
        return conditions(entries, "host")
    }

    func named(_ value: YAMLNode, _ name: String) throws(ScenarioError) -> [NamedExpression] {
        var list: [NamedExpression] = []
        let entries = try reader.mapping(value, name, "figures by name, such as 'before: guest.MemTotal'")
        reader.each(entries) { (entry) throws(ScenarioError) in
            if name == "keep" { try checkKept(entry.key, entry.line) }
            let expression = try reader.expression(entry.value, entry.key)
            list.append(NamedExpression(name: entry.key, expression: expression, line: entry.line))
        }
        return list
    }

    /// Whether figures can be kept by that name, and found again.
    private func checkKept(_ name: String, _ line: Int) throws(ScenarioError) {
        guard Metric.isName(name) else {
            throw reader.error(line, "keep: \"\(name)\" is no name: letters, digits, - and _")
        }
        guard !["guest", "console", "took", "elapsed", "timeout"].contains(name) else {
            throw reader.error(line, "keep: \"\(name)\" means something else: take another name")
        }
    }

    // MARK: The guest

    func guest(_ value: YAMLNode) throws(ScenarioError) -> GuestCommand {
        if let text = value.text {
            guard !text.isEmpty else { throw reader.error(value.line, "guest: expected a command, or 'run:' with one") }
            return GuestCommand(command: text)
        }
        let members = try reader.members(
            value, "guest", keys: ["run", "status", "output", "errors", "keep", "restarts"])
        guard let run = members["run"] else {
            throw reader.error(value.line, "guest: expected a command, or 'run:' with one")
        }
        var command = GuestCommand(command: try reader.text(run.value, "run"))
        if let status = members["status"] {
            command.status =
                status.value.text == "any" ? nil : Int32(try reader.number(status.value, "status", 0...255))
        }
        if let output = members["output"] { command.output = try texts(output.value, "output") }
        if let errors = members["errors"] { command.errors = try texts(errors.value, "errors") }
        if let keep = members["keep"] {
            let name = try reader.text(keep.value, "keep")
            try checkKept(name, keep.line)
            command.keptAs = name
        }
        if let restarts = members["restarts"] { command.restarts = try reader.flag(restarts.value, "restarts") }
        if command.restarts, let other = ["status", "output", "errors", "keep"].compactMap({ members[$0] }).first {
            throw reader.error(
                other.line, "guest: \(other.key) can't be told of a command that makes the guest start anew")
        }
        return command
    }

    private func texts(_ value: YAMLNode, _ name: String) throws(ScenarioError) -> [TextCheck] {
        if case .scalar(let text, _) = value.content { return [TextCheck(kind: .equals, text: text, line: value.line)] }
        var checks: [TextCheck] = []
        let members = try reader.members(value, name, keys: TextCheck.Kind.allCases.map(\.rawValue))
        for kind in TextCheck.Kind.allCases {
            guard let entry = members[kind.rawValue] else { continue }
            for node in try reader.list(entry.value, entry.key) {
                checks.append(TextCheck(kind: kind, text: try reader.text(node, entry.key), line: node.line))
            }
        }
        return checks
    }

    func workload(_ value: YAMLNode) throws(ScenarioError) -> Step.Action {
        let members = try reader.members(value, "workload", keys: ["start", "stop", "verify", "size", "node", "as"])
        let verbs = ["start", "stop", "verify"].compactMap { members[$0] }
        guard verbs.count == 1, let verb = verbs.first else {
            throw reader.error(value.line, "workload: expected one of start, stop, verify")
        }
        if verb.key != "start" {
            if let other = members.values.first(where: { $0.key != verb.key }) {
                throw reader.error(other.line, "workload: \(other.key) is for 'start'")
            }
            let name = try reader.text(verb.value, verb.key)
            return verb.key == "stop" ? .stopWorkload(name) : .verifyWorkload(name)
        }
        let kind: Workload.Kind = try reader.choice(verb.value, "start")
        if let machine, kind.needsDisk, !machine.entries.contains(where: { $0.option == "disk" }) {
            throw reader.error(
                verb.line,
                "workload: \(kind.rawValue) uses the machine's last disk, and there is none: give it one, such as"
                    + " 'disk: \"path=${{ scratch }}/cache.img\"'")
        }
        guard let size = members["size"] else {
            throw reader.error(verb.line, "workload: expected its size, such as 'size: 256M'")
        }
        return .startWorkload(
            Workload(
                kind: kind,
                name: try members["as"].map { (entry) throws(ScenarioError) in try reader.text(entry.value, "as") }
                    ?? kind.rawValue,
                size: try reader.expression(size.value, "size"),
                node: try members["node"].map { (entry) throws(ScenarioError) in
                    UInt32(try reader.number(entry.value, "node", 0...1023))
                }))
    }

    func reboot(_ value: YAMLNode) throws(ScenarioError) -> Reboot {
        switch value.text {
        case "", "guest": return .guest
        case "host": return .host
        default: throw reader.error(value.line, "reboot: expected guest or host")
        }
    }

    // MARK: The host, and chance

    func fault(_ value: YAMLNode) throws(ScenarioError) -> Fault {
        if value.text == "kill" { return .kill }
        let members = try reader.members(value, "inject", keys: ["freeze", "memory-limit"])
        guard members.count == 1, let entry = members.values.first else {
            throw reader.error(value.line, "inject: expected kill, freeze or memory-limit")
        }
        if entry.key == "freeze" { return .freeze(try reader.duration(entry.value, "freeze")) }
        return .memoryLimit(entry.value.text == "none" ? nil : try reader.size(entry.value, "memory-limit"))
    }

    func random(_ value: YAMLNode) throws(ScenarioError) -> RandomResizes {
        let members = try reader.members(
            value, "random", keys: ["devices", "count", "from", "to", "step", "pause", "seed"])
        guard let count = members["count"], let most = members["to"] else {
            throw reader.error(value.line, "random: expected count and to, such as 'count: 20' and 'to: 1G'")
        }
        var ids: [String] = []
        if let list = members["devices"] {
            for node in try reader.list(list.value, "devices") {
                let id = try reader.text(node, "devices")
                try checkDevice(id, node.line, orAll: false)
                ids.append(id)
            }
        }
        guard machine == nil || !devices.isEmpty else {
            throw reader.error(value.line, "random: the machine has no memory device")
        }
        var random = RandomResizes(
            devices: ids.isEmpty ? devices : ids, count: Int(try reader.number(count.value, "count", 1...1_000_000)),
            least: 0, most: try reader.size(most.value, "to"), step: 2 << 20, pause: 1000)
        if let entry = members["from"] { random.least = try reader.size(entry.value, "from") }
        if let entry = members["step"] { random.step = try reader.size(entry.value, "step") }
        if let entry = members["pause"] { random.pause = try reader.duration(entry.value, "pause") }
        if let entry = members["seed"] { random.seed = try reader.number(entry.value, "seed", 0...UInt64.max) }
        guard random.step > 0, random.least <= random.most, random.most < 1 << 62 else {
            throw reader.error(
                value.line, "random: expected a step that is not 0, and 'from' at most 'to', which is at most 4194303T")
        }
        return random
    }
}

extension Condition {
    fileprivate var isUnchanged: Bool {
        if case .unchanged = comparison { true } else { false }
    }
}
