import Host

extension TestReport {
    public var passedCount: Int { count(.passed) }
    public var failedCount: Int { count(.failed) }
    public var skippedCount: Int { count(.skipped) }

    private func count(_ name: CaseOutcome.Name) -> Int {
        cases.count { $0.outcome.name == name }
    }

    /// The titles of the cases, in their order. A case that was repeated has `(run 2)` and so on behind its title, as
    /// whoever collects results takes those of one name for the same.
    public var uniqueTitles: [String] {
        var runs: [String: Int] = [:]
        return cases.map { testCase in
            let run = runs[testCase.title, default: 0] + 1
            runs[testCase.title] = run
            return run == 1 ? testCase.title : "\(testCase.title) (run \(run))"
        }
    }

    /// When that was which came so many milliseconds after the run's beginning.
    func time(after milliseconds: UInt64) -> UTCTime {
        let (sum, overflow) = started.addingReportingOverflow(
            milliseconds.multipliedReportingOverflow(by: 1000).partialValue)
        return UTCTime(microseconds: overflow ? started : sum)
    }
}

extension CaseReport {
    /// Why it failed; nil where it did not.
    public var failure: CaseFailure? {
        if case .failed(let failure) = outcome { failure } else { nil }
    }

    /// The step that failed: of those that lie within each other, the innermost.
    public var failedStep: StepReport? {
        steps.last { $0.outcome == .failed }
    }

    /// Milliseconds until the last that is known of it.
    var end: UInt64 {
        let ends = steps.map { $0.begun.addingReportingOverflow($0.milliseconds) }.map {
            $0.overflow ? 0 : $0.partialValue
        }
        return max(milliseconds, ends.max() ?? 0, samples.last?.at ?? 0, failure?.at ?? 0)
    }
}
