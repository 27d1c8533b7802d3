import ArgumentParser
import Configuration
import Glibc
import Host
import KernelImage
import QMPProtocol
import Scenario
import ScenarioRunner
import SystemPackage
import TestReport

/// A run of scenarios, here or in an emulated host.
struct TestSession {
    private(set) var suite: ScenarioSuite
    private let command: TestCommand
    private let seed: UInt64
    /// What a run that was cut off has found.
    private let before: TestReport?

    /// Reads the scenarios.
    ///
    /// - Throws: `ConfigurationError` for files that are no scenarios, `Refusal` where they can't be read.
    init(_ command: TestCommand) throws {
        self.command = command
        var seed: UInt64 = 0
        var before: TestReport?
        if command.resume {
            before = try TestReport(at: FilePath(command.report).appending("report.json").string, option: "--resume")
        }
        do {
            if let path = command.rerun {
                let report = try TestReport(at: path, option: "--rerun")
                seed = report.seed
                suite = try ScenarioSuite(rerunning: report)
            } else {
                seed = before?.seed ?? command.seed ?? Self.randomSeed()
                suite = try ScenarioSuite(paths: command.paths, seed: seed)
            }
            suite.choose(titles: command.filter, tags: command.tag)
            before?.cases.removeAll { $0.outcome.isToBeRun }
            if let before { suite.leaveOut(before) }
        } catch let error as ScenarioError {
            throw ConfigurationError(error.file + ":\(error.line)", error.message)
        } catch let error as RunnerError {
            throw Refusal(error.description)
        }
        self.seed = seed
        self.before = before
        guard !suite.items.isEmpty || before != nil else {
            throw Refusal(command.rerun == nil ? "no case is left to run" : "nothing failed in \(command.rerun ?? "")")
        }
    }

    /// As people can type it.
    private static func randomSeed() -> UInt64 {
        var bytes = [UInt8](repeating: 0, count: 4)
        RandomBytes.fill(first: bytes.count, of: &bytes)
        return bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    func list() {
        for item in suite.items {
            let scenario = item.test.scenario
            let tags = scenario.tags.isEmpty ? "" : " (\(scenario.tags.joined(separator: ", ")))"
            show("\(item.title)\(tags): \(scenario.about)\n")
        }
    }

    /// - Throws: `ExitCode` where something failed.
    func perform() throws {
        let reports = try TestReportFiles(command.report)
        var arguments = arguments
        if let path = command.rerun {
            // The run's own report may take its place.
            arguments += ["--rerun", try reports.keep(path).string]
        }
        if !command.resume { reports.removeReport() }
        let isEmulated = command.on == .emulated || command.on == .auto && EmulatedHost.isNeeded
        let status =
            isEmulated
            ? try EmulatedHost(memory: command.hostMemory, reports: reports.directory).run(arguments)
            : try runHere(reports)
        if status != 0 { throw ExitCode(status) }
    }

    /// What this command was given, but for the report of a run that runs again, for itself in another place.
    private var arguments: [String] {
        var arguments = ["test", "--on", "here", "--report", command.report]
        if command.resume { arguments.append("--resume") }
        if command.rerun == nil, !command.resume { arguments += ["--seed", "\(seed)"] }
        arguments += command.filter.flatMap { ["--filter", $0] } + command.tag.flatMap { ["--tag", $0] }
        return arguments + command.paths
    }

    private func runHere(_ reports: TestReportFiles) throws -> Int32 {
        guard let cache = KernelCache.standardRoot else {
            throw Refusal("without HOME there is no place for the guests that GuestImages/build makes")
        }
        let interruption = Interruption()
        let signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        let watch = TestInterruption(interruption, signals)
        try watch.start()
        let scratch = try TestScratch()
        defer { scratch.remove() }
        let progress = TestProgress()
        let runner = SuiteRunner(
            program: try ProcessImage.path(), cache: cache, interruption: interruption, progress: { progress.take($0) })
        var report = TestReport(
            version: "\(QMPVersion.swiftlet)", host: .current, started: WallClock.microseconds(), seed: seed)
        // What was not run then has its turn now.
        if let before { report = before }
        try runner.run(suite, scratch: scratch.directory, into: &report) { try reports.write($0, isComplete: false) }
        try reports.write(report, isComplete: true)
        progress.summarize(report, reports.directory)
        guard !interruption.isWanted else { return 130 }
        return report.failedCount > 0 ? 1 : 0
    }
}
