import Host
import SystemPackage
import TestReport

/// Runs cases one after the other, and keeps what they find.
public struct SuiteRunner: Sendable {
    /// What is told while it goes on.
    public enum Progress: Sendable {
        case begins(ScenarioSuite.Item, number: Int, count: Int)
        case goesOn(CaseRunner.Progress)
        case ends(CaseReport)
    }

    let context: RunContext
    let progress: @Sendable (Progress) -> Void

    public init(_ context: RunContext, progress: @escaping @Sendable (Progress) -> Void) {
        self.context = context
        self.progress = progress
    }

    /// - Parameters:
    ///   - scratch: a directory for what machines need while they run.
    ///   - report: without cases.
    ///   - keep: is given what was found, after each case.
    public func run(
        _ suite: ScenarioSuite, scratch: FilePath, into report: inout TestReport, keep: (TestReport) throws -> Void
    ) throws {
        let beginning = MonotonicInstant.now()
        // A run that goes on has taken that long before.
        let before = report.milliseconds
        let runner = CaseRunner(context: context) { [progress] in progress(.goesOn($0)) }
        for (index, item) in suite.items.enumerated() {
            let begun = before + beginning.nanoseconds(until: .now()) / 1_000_000
            guard !context.interruption.isWanted else {
                var skipped = CaseReport(item, begun: begun)
                skipped.outcome = .skipped("the run was interrupted before")
                report.cases.append(skipped)
                continue
            }
            progress(.begins(item, number: index + 1, count: suite.items.count))
            let directory = scratch.appending("\(index + 1)")
            try directory.createDirectories()
            let result = runner.run(item, begun: begun, scratch: directory)
            try? directory.removeDirectoryWithFiles()
            report.cases.append(result)
            report.milliseconds = before + beginning.nanoseconds(until: .now()) / 1_000_000
            progress(.ends(result))
            try keep(report)
        }
        report.milliseconds = before + beginning.nanoseconds(until: .now()) / 1_000_000
    }
}
