import ArgumentParser
import Configuration
import Control
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
    /// The run whose failures run again.
    private let rerun: TestReport?

    /// The status after an interruption, as shells have it after SIGINT.
    private static let interrupted: Int32 = 130

    /// Reads the scenarios.
    ///
    /// - Throws: `ExitCode` for files that are no scenarios, after telling why; `Refusal` where they can't be read.
    init(_ command: TestCommand) throws {
        self.command = command
        var seed: UInt64 = 0
        var before: TestReport?
        rerun = try command.rerun.map { try TestReport(at: $0, option: "--rerun") }
        if command.resume {
            before = try TestReport(at: FilePath(command.report).appending("report.json").string, option: "--resume")
        }
        do {
            if let rerun {
                seed = rerun.seed
                suite = try ScenarioSuite(rerunning: rerun)
            } else {
                seed = before?.seed ?? command.seed ?? Self.randomSeed()
                suite = try ScenarioSuite(paths: command.paths, seed: seed, problem: Self.problem)
            }
            suite.choose(titles: command.filter, tags: command.tag)
            before?.cases.removeAll { $0.outcome.isToBeRun }
            if let before { suite.leaveOut(before) }
        } catch let wrong as ScenarioErrors {
            for error in wrong.errors { complain("\(error)") }
            throw ExitCode(Swiftlet.Status.usage)
        } catch let error as RunnerError {
            throw Refusal(error.description)
        }
        self.seed = seed
        self.before = before
        guard !suite.items.isEmpty || before != nil else {
            throw Refusal(command.rerun == nil ? "no case is left to run" : "nothing failed in \(command.rerun ?? "")")
        }
    }

    /// What `swiftlet run` would not take of a machine.
    private static func problem(_ machine: MachineFile) -> (option: String?, text: String)? {
        do {
            try RunOptions.check(machine)
            return nil
        } catch let error as ConfigurationError {
            return (error.option, "\(error)")
        } catch {
            return (nil, RunCommand.message(for: error))
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
        // The run's own report may take the place of the other's.
        let kept = try rerun.map { try reports.keep($0) }
        if !command.resume { reports.removeReport() }
        let isEmulated = command.on == .emulated || command.on == .auto && EmulatedHost.isNeeded
        let status = isEmulated ? try runEmulated(reports, rerunning: kept) : try runHere(reports)
        if isEmulated, status == Self.interrupted, !reports.hasReport { complain("interrupted before anything ran") }
        if status != 0 { throw ExitCode(status) }
    }

    /// Has this command do the same in another place.
    ///
    /// - Parameter report: of a run whose failures run again, where the other place finds it.
    private func runEmulated(_ reports: TestReportFiles, rerunning report: FilePath?) throws -> Int32 {
        var arguments = ["test", "--on", "here", "--report", command.report]
        arguments += command.filter.flatMap { ["--filter", $0] } + command.tag.flatMap { ["--tag", $0] }
        arguments += command.paths
        var beginning: [String] = []
        if let report {
            arguments += ["--rerun", report.string]
        } else {
            beginning = ["--seed", "\(seed)"]
        }
        let host = try EmulatedHost(memory: command.hostMemory, reports: reports.directory)
        return try host.run(arguments, beginning: command.resume ? EmulatedHost.resumption : beginning)
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
            RunContext(program: try ProcessImage.path(), cache: cache, interruption: interruption),
            progress: { progress.take($0) })
        var report = TestReport(
            version: "\(QMPVersion.swiftlet)", host: .current, started: WallClock.microseconds(), seed: seed)
        // What was not run then has its turn now.
        if let before { report = before }
        try runner.run(suite, scratch: scratch.directory, into: &report) { try reports.write($0, isComplete: false) }
        try reports.write(report, isComplete: true)
        progress.summarize(report, reports.directory, isInterrupted: interruption.isWanted)
        guard !interruption.isWanted else { return Self.interrupted }
        return report.failedCount > 0 ? 1 : 0
    }
}
