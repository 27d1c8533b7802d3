import Glibc
import Host
import SystemPackage
import TestReport
import Testing

@testable import Scenario
@testable import ScenarioRunner

/// The cases that a run is made of.
final class ScenarioSuiteTests {
    private let directory = FilePath("/tmp/swiftlet-suite-\(getpid())-\(MonotonicInstant.now().nanoseconds)")
    private var paths: [FilePath] = []

    init() throws {
        try directory.appending("inner").createDirectories()
        try write("b.yaml", "matrix: {size: [1M, 2M]}\ntags: slow\nsteps: [settle]")
        try write("a.yml", "scenario: first\nsteps: [settle]")
        try write("inner/c.yaml", "tags: [quick]\nsteps:\n  - guest: ls ${{ directory }}")
        try write("notes.txt", "no scenario")
    }

    deinit {
        for path in paths { try? path.removeFile() }
        try? directory.appending("inner").removeDirectory()
        try? directory.removeDirectory()
    }

    private func write(_ name: String, _ text: String) throws {
        let path = directory.appending(FilePath(name).components)
        let file = try OwnedFileDescriptor(
            opening: path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
        try file.descriptor.write(all: Array(text.utf8)[...])
        paths.append(path)
    }

    private func suite(seed: UInt64 = 1) throws -> ScenarioSuite {
        try ScenarioSuite(paths: [directory.string], seed: seed)
    }

    @Test func directoriesAreReadByName() throws {
        let suite = try suite()
        #expect(suite.items.map(\.title) == ["first", "b [size=1M]", "b [size=2M]", "c"])
        #expect(suite.items.map(\.file).last == directory.appending("inner").appending("c.yaml").string)
        let step = suite.items[3].test.scenario.steps[0]
        guard case .guest(let command) = step.action else { return #expect(Bool(false)) }
        #expect(command.command == "ls \(directory)/inner")
    }

    @Test func someAreChosen() throws {
        for (titles, tags, expected) in [
            (["size=2M", "first"], [], ["first", "b [size=2M]"]), ([], ["quick"], ["c"]), (["b "], ["quick"], []),
            ([], [], ["first", "b [size=1M]", "b [size=2M]", "c"]),
        ] as [([String], [String], [String])] {
            var suite = try suite()
            suite.choose(titles: titles, tags: tags)
            #expect(suite.items.map(\.title) == expected)
        }
    }

    @Test func eachCaseHasASeedOfItsOwnWhicheverOthersRun() throws {
        let all = try suite().items
        #expect(Set(all.map(\.seed)).count == 4)
        var one = try suite()
        one.choose(titles: ["c"], tags: [])
        #expect(one.items[0].seed == all[3].seed)
        #expect(try suite(seed: 2).items[3].seed != all[3].seed)
    }

    private func report(_ outcomes: [CaseOutcome]) throws -> TestReport {
        var report = TestReport(
            version: "1", host: TestHost(isEmulated: false, kernel: "6", processor: "x"), started: 0, seed: 1)
        for (item, outcome) in zip(try suite().items, outcomes) {
            report.cases.append(
                CaseReport(
                    scenario: item.test.scenario.name, file: item.file,
                    matrix: item.test.settings.map { .init($0.name, $0.value) }, seed: 77, outcome: outcome))
        }
        return report
    }

    @Test func whatFailedRunsAgainWithItsSeed() throws {
        let failure = CaseOutcome.failed(CaseFailure(.check, "no", at: 0))
        let old = try report([.passed, failure, .skipped("x"), failure])
        let again = try ScenarioSuite(rerunning: old)
        #expect(
            again.items.map(\.title) == ["b [size=1M]", "b [size=2M]", "c"] && again.items.map(\.seed) == [77, 77, 77])
        try write("b.yaml", "steps: [settle]")
        #expect(throws: RunnerError.self) { try ScenarioSuite(rerunning: old) }
    }

    @Test func whatIsDoneIsLeftOut() throws {
        var suite = try suite()
        suite.leaveOut(try report([.passed, .failed(CaseFailure(.check, "no", at: 0))]))
        #expect(suite.items.map(\.title) == ["b [size=2M]", "c"])
        #expect(!CaseOutcome.passed.isToBeRun && CaseOutcome.skipped("x").isToBeRun)
        #expect(CaseOutcome.failed(.interruption(at: 1)).isToBeRun)
        #expect(!CaseOutcome.failed(CaseFailure(.check, "no", at: 0)).isToBeRun)
    }

    @Test func whatCannotBeIsRefused() throws {
        #expect(throws: RunnerError.self) { try ScenarioSuite(paths: ["/nonexistent"], seed: 1) }
        try write("inner/d.yaml", "scenario: c\nsteps: [settle]")
        let twice = try #require(throws: RunnerError.self) { try self.suite() }
        #expect(twice.description.contains("c is there twice"))
        try write("inner/d.yaml", "steps:\n  - jump")
        let wrong = try mistake { try self.suite() }
        #expect(wrong.description.hasPrefix("\(directory)/inner/d.yaml:2: there is no step \"jump\""))
    }
}
