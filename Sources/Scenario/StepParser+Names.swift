/// Whether what steps speak of is there.
extension StepParser {
    /// Checks that each workload and each figure that is kept has come up before it is used; notes which has not.
    func checkNames(_ scenario: Scenario) {
        var names = Names()
        check(scenario.steps, &names)
        for condition in scenario.invariants.conditions {
            reader.mistakes.gather { () throws(ScenarioError) in try check(condition, []) }
        }
    }

    private struct Names {
        var kept: [String] = []
        var workloads: [String] = []
    }

    private func check(_ steps: [Step], _ names: inout Names) {
        for step in steps { reader.mistakes.gather { () throws(ScenarioError) in try check(step, &names) } }
    }

    private func check(_ step: Step, _ names: inout Names) throws(ScenarioError) {
        switch step.action {
        case .wait(let conditions), .check(let conditions):
            for condition in conditions { try check(condition, names.kept) }
        case .keep(let list):
            for figure in list { try check(figure.expression, names.kept, figure.line) }
            names.kept += list.map(\.name)
        case .measure(let list):
            for figure in list { try check(figure.expression, names.kept, figure.line) }
        case .resize(let resize):
            for target in resize.targets { try check(target.amount.expression, names.kept, target.line) }
        case .guest(let command):
            if let name = command.keptAs { names.kept.append(name) }
            if command.restarts { names.workloads = [] }
        case .startWorkload(let workload):
            try check(workload.size, names.kept, step.line)
            if let node = workload.node { try checkNode(node, step.line) }
            guard !names.workloads.contains(workload.name) else {
                throw reader.error(
                    step.line, "workload: there is one called \"\(workload.name)\" already: name it with 'as:'")
            }
            names.workloads.append(workload.name)
        case .verifyWorkload(let name): try checkWorkload(name, names, step.line)
        case .stopWorkload(let name):
            try checkWorkload(name, names, step.line)
            names.workloads.removeAll { $0 == name }
        case .parallel(let branches):
            for branch in branches { check(branch, &names) }
        case .repeat(let count, let steps):
            // What the first round leaves is there in the second.
            for _ in 0..<min(count, 2) { check(steps, &names) }
        // What ran in the guest is gone with it.
        case .reboot: names.workloads = []
        case .pause, .console, .waitForGuest, .settle, .stop, .cont, .inject, .random: break
        }
    }

    private func checkWorkload(_ name: String, _ names: Names, _ line: Int) throws(ScenarioError) {
        guard names.workloads.contains(name) else {
            throw reader.error(
                line,
                "workload: none called \"\(name)\" runs; "
                    + (names.workloads.isEmpty ? "none does" : "there are \(names.workloads.joined(separator: ", "))"))
        }
    }

    private func check(_ condition: Condition, _ kept: [String]) throws(ScenarioError) {
        for metric in [condition.metric] + condition.comparison.metrics { try check(metric, kept, condition.line) }
    }

    private func check(_ expression: Expression, _ kept: [String], _ line: Int) throws(ScenarioError) {
        for metric in expression.metrics { try check(metric, kept, line) }
    }

    private func check(_ metric: Metric, _ kept: [String], _ line: Int) throws(ScenarioError) {
        switch metric {
        case .kept(let name) where !kept.contains(name):
            throw reader.error(line, "\"\(name)\" is no figure, and nothing is kept by that name before")
        case .device(let id?, _) where !devices.contains(id):
            throw reader.error(
                line,
                "there is no memory device \"\(id)\"; "
                    + (devices.isEmpty ? "the machine has none" : "there are \(devices.joined(separator: ", "))"))
        case .node(let number, _): try checkNode(number, line)
        default: break
        }
    }

    private func checkNode(_ number: UInt32, _ line: Int) throws(ScenarioError) {
        let numbers = machine?.nodeNumbers ?? []
        guard machine == nil || numbers.contains(number) else {
            throw reader.error(
                line, "there is no node \(number); there are \(numbers.map { "\($0)" }.joined(separator: ", "))")
        }
    }
}

extension Resize.Target.Amount {
    var expression: Expression {
        switch self {
        case .absolute(let expression), .relative(let expression, _): expression
        }
    }
}
