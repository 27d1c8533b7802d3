import Configuration
import JSON
import QMPProtocol
import Scenario
import TestReport

/// Steps that change requested sizes, and wait for the guest to follow.
extension StepRunner {
    /// - Throws: `CaseFailure` also where a size is taken that has to be refused, or refused for another reason.
    func resize(_ resize: Resize, _ step: Step) throws {
        var refusals: [String] = []
        for target in resize.targets {
            for id in target.id.map({ [$0] }) ?? scenario.devices {
                let size = try size(target.amount, of: id)
                guard let expected = resize.refusal else {
                    try set(id, size)
                    continue
                }
                refusals.append("\(id): \(try refusal(of: size, id, expected, step))")
            }
        }
        if !refusals.isEmpty { state.note(output: refusals.joined(separator: "\n"), of: step.number) }
    }

    /// What the device says to a size that it has to refuse.
    private func refusal(of size: UInt64, _ id: String, _ expected: String, _ step: Step) throws -> String {
        let found: String
        do {
            try set(id, size)
            found = "it was taken"
        } catch QMPClient.Failure.refused(let error) {
            if "\(error)".contains(expected) { return "\(error)" }
            found = "it is refused with: \(error)"
        }
        throw CaseFailure(
            .check, "\(step.text): expected \(id) to refuse it with \"\(expected)\", but \(found)", line: step.line,
            at: state.clock.now)
    }

    private func size(_ amount: Resize.Target.Amount, of id: String) throws -> UInt64 {
        switch amount {
        case .absolute(let expression): return try size(value(of: expression, since: state.clock.now), id)
        case .relative(let expression, let isLess):
            let change = try value(of: expression, since: state.clock.now)
            let requested = Double(try MachineFigures(machine).devices[id]?.requested ?? 0)
            return try size(isLess ? requested - change : requested + change, id)
        }
    }

    private func size(_ value: Double, _ id: String) throws -> UInt64 {
        guard value >= 0, value < 0x1p62 else {
            throw CaseFailure(
                .check, "resize: \(id): \(Metric.number(value)) bytes is no size", at: state.clock.now)
        }
        return UInt64(value)
    }

    private func set(_ id: String, _ size: UInt64) throws {
        state.noteResize()
        try machine.execute(
            "qom-set",
            [
                .init("path", .string("/machine/peripheral/\(id)")), .init("property", "requested-size"),
                .init("value", .number(size)),
            ])
        state.noteResize()
    }

    func settle(_ step: Step, since start: UInt64) throws {
        while true {
            let devices = try figuresUnlessFrozen()?.devices ?? [:]
            let unsettled = scenario.devices.filter {
                devices[$0] == nil || devices[$0]?.plugged != devices[$0]?.requested
            }
            if unsettled.isEmpty { return }
            guard state.clock.now < start + step.timeout else {
                let texts = unsettled.map { id in
                    let device = devices[id] ?? .init()
                    return "\(id) has \(Metric.device(id, .plugged).text(Double(device.plugged))) plugged of"
                        + " \(Metric.device(id, .requested).text(Double(device.requested))) requested"
                }
                throw diagnosis.failure(
                    .timeout, "settle: \(texts.joined(separator: ", ")) after \(Milliseconds(step.timeout))",
                    line: step.line)
            }
            try state.pause(Self.interval)
        }
    }

    /// Nil while nothing can be expected of the machine.
    private func figuresUnlessFrozen() throws -> MachineFigures? {
        do {
            return try MachineFigures(machine)
        } catch QMPClient.Failure.silent where state.isFrozen {
            return nil
        }
    }

    /// Sizes drawn at random.
    func resize(_ random: RandomResizes, _ step: Step) throws {
        var drawn = ""
        for change in random.changes(seed: seed) {
            try state.pause(change.pause)
            let size = Metric.device(change.device, .requested).text(Double(change.size))
            drawn += "\(change.device) \(size) after \(Milliseconds(change.pause))\n"
            state.note(output: drawn, of: step.number)
            try set(change.device, change.size)
        }
    }
}
