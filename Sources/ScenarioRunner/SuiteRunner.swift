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

    let program: FilePath
    let cache: FilePath
    let interruption: Interruption
    let progress: @Sendable (Progress) -> Void

    public init(
        program: FilePath, cache: FilePath, interruption: Interruption, progress: @escaping @Sendable (Progress) -> Void
    ) {
        self.program = program
        self.cache = cache
        self.interruption = interruption
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
        let runner = CaseRunner(program: program, cache: cache, interruption: interruption) { [progress] in
            progress(.goesOn($0))
        }
        for (index, item) in suite.items.enumerated() {
            let begun = before + beginning.nanoseconds(until: .now()) / 1_000_000
            guard !interruption.isWanted else {
                report.cases.append(Self.skipped(item, begun: begun))
                continue
            }
            progress(.begins(item, number: index + 1, count: suite.items.count))
            let directory = scratch.appending("\(index + 1)")
            try directory.createDirectories()
            let result = runner.run(item.test, file: item.file, seed: item.seed, begun: begun, scratch: directory)
            for name in (try? directory.directoryEntries()) ?? [] { try? directory.appending(name).removeFile() }
            try? directory.removeDirectory()
            report.cases.append(result)
            report.milliseconds = before + beginning.nanoseconds(until: .now()) / 1_000_000
            progress(.ends(result))
            try keep(report)
        }
        report.milliseconds = before + beginning.nanoseconds(until: .now()) / 1_000_000
    }

    private static func skipped(_ item: ScenarioSuite.Item, begun: UInt64) -> CaseReport {
        CaseReport(
            scenario: item.test.scenario.name, about: item.test.scenario.about, file: item.file,
            matrix: item.test.settings.map { .init($0.name, $0.value) }, seed: item.seed,
            outcome: .skipped("the run was interrupted before"), begun: begun)
    }
}
