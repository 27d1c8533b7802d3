import Configuration

extension Step {
    /// What reports call it: its name, if it has one, and what it does.
    public var title: String { name.map { "\($0): \(text)" } ?? text }

    /// What it does, in a few words.
    public var text: String {
        switch action {
        case .resize(let resize):
            "resize " + resize.targets.map { "\($0.id ?? "all") \($0.amount.text)" }.joined(separator: ", ")
                + (resize.settles ? ", and settle" : "") + (resize.refusal == nil ? "" : ", which is refused")
        case .wait(let conditions): "wait for " + conditions.map(\.text).joined(separator: ", ")
        case .pause(let milliseconds): "wait \(Milliseconds(milliseconds))"
        case .console(let text): "wait for \"\(text)\" on the console"
        case .waitForGuest(let command): "wait for the guest: \(Self.shortened(command))"
        case .settle: "settle"
        case .check(let conditions): "check " + conditions.map(\.text).joined(separator: ", ")
        case .guest(let command): "guest: \(Self.shortened(command.command))"
        case .startWorkload(let workload):
            "start workload \(workload.name): \(workload.kind.rawValue) \(workload.size.text)"
                + (workload.node.map { " in node \($0)" } ?? "")
        case .verifyWorkload(let name): "verify workload \(name)"
        case .stopWorkload(let name): "stop workload \(name)"
        case .reboot(.guest): "reboot"
        case .reboot(.host): "reset the machine"
        case .reboot(.kexec): "kexec"
        case .stop: "stop"
        case .cont: "cont"
        case .inject(.kill): "kill the machine's process"
        case .inject(.freeze(let milliseconds)): "freeze the machine's process for \(Milliseconds(milliseconds))"
        case .inject(.memoryLimit(let limit)):
            limit.map { "limit the machine's memory to \(ByteSize($0))" } ?? "lift the limit of the machine's memory"
        case .keep(let list): "keep " + list.map(\.name).joined(separator: ", ")
        case .measure(let list): "measure " + list.map(\.name).joined(separator: ", ")
        case .parallel(let branches): "\(branches.count) lists of steps side by side"
        case .repeat(let count, _): "repeat \(count) times"
        case .random(let random): "\(random.count) random resizes"
        }
    }

    private static func shortened(_ command: String) -> String {
        let line = command.split(separator: "\n").first.map(String.init) ?? command
        return line.count < command.count || line.count > 60 ? line.prefix(60) + "…" : line
    }
}

extension Resize.Target.Amount {
    /// As it was written.
    var text: String {
        switch self {
        case .absolute(let expression): "to \(expression.text)"
        case .relative(let expression, let isLess): "by \(isLess ? "-" : "+")\(expression.text)"
        }
    }
}
