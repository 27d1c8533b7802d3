/// Finds the differences of two runs' cases, of all kinds in one list.
struct CaseComparer {
    typealias Finding = ReportComparison.Finding

    let threshold: Double
    /// Whether times of the two can be compared.
    let comparesTimes: Bool

    func findings(before: [CaseReport], after: [CaseReport]) -> [Finding] {
        let before = RepeatedCase.grouped(before)
        let after = RepeatedCase.grouped(after)
        let old = Dictionary(uniqueKeysWithValues: before.map { ($0.key, $0) })
        let keys = Set(after.map(\.key))
        var findings: [Finding] = []
        for now in after {
            guard let then = old[now.key] else {
                findings.append(Finding(.new, now.title, after: now.success, note: now.message))
                continue
            }
            findings += outcome(then, now) + measurements(then, now) + (comparesTimes ? durations(then, now) : [])
        }
        findings += before.filter { !keys.contains($0.key) }.map { Finding(.missing, $0.title, before: $0.success) }
        return findings + successRates(before, after)
    }

    // MARK: Outcomes

    private func outcome(_ then: RepeatedCase, _ now: RepeatedCase) -> [Finding] {
        let kind: Finding.Kind
        switch (then.rate, now.rate) {
        case (let was?, let rate?) where rate < was: kind = .lessSuccessful
        case (let was?, let rate?) where rate > was: kind = .moreSuccessful
        case (_?, nil): kind = .noLongerRun
        // It was skipped before: nothing is known to have been better.
        case (nil, _?): kind = .new
        case (_, let rate?) where rate < 1: kind = .stillFailing
        default: return []
        }
        let note = kind == .moreSuccessful ? "" : now.message
        return [
            Finding(
                kind, now.title, before: then.success, after: now.success, note: note,
                weight: abs((then.rate ?? 0) - (now.rate ?? 0)))
        ]
    }

    /// Of the scenarios of which a case was repeated.
    private func successRates(_ before: [RepeatedCase], _ after: [RepeatedCase]) -> [Finding] {
        var scenarios: [String] = []
        for name in after.map(\.key.scenario) where !scenarios.contains(name) { scenarios.append(name) }
        return scenarios.compactMap { scenario in
            let then = before.filter { $0.key.scenario == scenario }
            let now = after.filter { $0.key.scenario == scenario }
            guard (then + now).contains(where: { $0.runs.count > 1 }) else { return nil }
            let sum = RepeatedCase(key: now[0].key, runs: then.flatMap(\.runs))
            let newSum = RepeatedCase(key: now[0].key, runs: now.flatMap(\.runs))
            guard let was = sum.rate, let rate = newSum.rate, was != rate else { return nil }
            let points = ReportFormat.decimal((rate - was) * 100, places: 0)
            return Finding(
                .successRate, scenario, before: sum.share, after: newSum.share,
                note: (rate > was ? "+" : "") + points + " points", weight: was - rate)
        }
    }

    // MARK: Figures

    private func measurements(_ then: RepeatedCase, _ now: RepeatedCase) -> [Finding] {
        now.measurementNames.compactMap { name in
            guard let old = then.measurement(name), let new = now.measurement(name) else { return nil }
            guard old.unit == new.unit else {
                return Finding(
                    .changedMeasurement, now.title, name, before: ReportFormat.value(old.value, old.unit),
                    after: ReportFormat.value(new.value, new.unit), note: "another unit")
            }
            guard old.unit != .seconds || comparesTimes else { return nil }
            let least =
                switch old.unit {
                case .bytes: ReportComparison.leastBytes
                case .seconds: ReportComparison.leastSeconds
                case .count: 0.0
                }
            guard hasChanged(old.value, new.value, least: least) else { return nil }
            let isBetter = (new.value > old.value) == ReportComparison.isBetterWhenLarger(name)
            let kind: Finding.Kind =
                old.unit == .count ? .changedMeasurement : isBetter ? .betterMeasurement : .worseMeasurement
            return Finding(
                kind, now.title, name, before: ReportFormat.value(old.value, old.unit),
                after: ReportFormat.value(new.value, new.unit),
                note: ReportFormat.change(from: old.value, to: new.value),
                weight: weight(old.value, new.value))
        }
    }

    private func durations(_ then: RepeatedCase, _ now: RepeatedCase) -> [Finding] {
        let whole = duration(then.milliseconds, now.milliseconds, now.title, "")
        let steps = now.stepNumbers.compactMap { number -> Finding? in
            // A step that says something else is another.
            guard let old = then.step(number), let new = now.step(number), old.text == new.text else { return nil }
            return duration(old.milliseconds, new.milliseconds, now.title, "step \(number): \(new.text)")
        }
        return [whole].compactMap(\.self) + steps
    }

    private func duration(_ then: Double?, _ now: Double?, _ title: String, _ part: String) -> Finding? {
        guard let then, let now, hasChanged(then, now, least: ReportComparison.leastDuration * 1000) else { return nil }
        let texts = [then, now].map { ReportFormat.value($0 / 1000, .seconds) }
        return Finding(
            now > then ? .slower : .faster, title, part, before: texts[0], after: texts[1],
            note: ReportFormat.change(from: then, to: now), weight: weight(then, now))
    }

    private func hasChanged(_ then: Double, _ now: Double, least: Double) -> Bool {
        guard then.isFinite, now.isFinite else { return then != now && !(then.isNaN && now.isNaN) }
        let difference = abs(now - then)
        return difference > least && difference > abs(then) * threshold
    }

    /// How many times as much, or as little.
    private func weight(_ then: Double, _ now: Double) -> Double {
        let ratio = abs(now / then)
        return ratio.isNaN || ratio == 0 ? .infinity : max(ratio, 1 / ratio)
    }
}

extension ReportComparison.Finding {
    init(
        _ kind: Kind, _ subject: String, _ part: String = "", before: String = "", after: String = "",
        note: String = "",
        weight: Double = 0
    ) {
        self.init(
            kind: kind, subject: subject, part: part, before: before, after: after, note: note, weight: weight)
    }
}
