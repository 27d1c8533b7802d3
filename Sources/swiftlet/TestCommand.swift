import ArgumentParser
import Configuration
import Host
import Scenario
import SystemPackage

/// `swiftlet test`: scenarios of memory that comes and goes.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Run scenarios of memory that comes and goes, and report.",
        discussion: """
            EXAMPLES:
              swiftlet test Tests/Scenarios
                  All scenarios in a directory. Where this machine can't run Linux
                  guests, they run in an emulated host (Tools/kvm-host).
              swiftlet test grow.yaml --filter kernel=6.12 --report out
                  Of its matrix, what has the newer kernel; reports go to out.
              swiftlet test --rerun out/report.json
                  What failed there, with the same random numbers.
              swiftlet test --compare before.json after.json
                  What got less successful, or slower by 20 % and more.
              swiftlet test --check grow.yaml
                  Says all that is wrong with files, and runs nothing.

            REPORTS, in the directory that --report names: report.json, junit.xml, report.tap and index.html, a page that \
            needs nothing else.

            EXIT STATUS: 0 where all passed (with --compare: where nothing got worse), 1 where something failed or is not there, 64 \
            for wrong options and files that are no scenarios, 130 after an interruption.
            """)

    @Argument(help: "Files with scenarios, or directories of such files.", completion: .file())
    var paths: [String] = []

    @Option(
        help: ArgumentHelp("Run only cases whose titles have this text in them. May be repeated.", valueName: "text"))
    var filter: [String] = []

    @Option(help: ArgumentHelp("Run only scenarios with this tag. May be repeated.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("Where reports go.", valueName: "directory"), completion: .directory)
    var report = "swiftlet-report"

    @Option(
        help: ArgumentHelp("What all that is random is drawn from. (default: drawn, and told)", valueName: "number"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "Where guests run: auto, here, or emulated. auto is here where the processor can.", valueName: "place"),
        completion: .list(TestPlace.allCases.map(\.rawValue)))
    var on = TestPlace.auto

    @Option(help: ArgumentHelp("The emulated host's memory.", valueName: "size"))
    var hostMemory = "6G"

    @Option(
        help: ArgumentHelp("Run again what failed in a run or was not run, by its report.json.", valueName: "file"),
        completion: .file())
    var rerun: String?

    @Flag(
        help: """
            Go on with a run of the same files that was cut off, by the report.json that it left where --report says.
            """)
    var resume = false

    @Flag(help: "Compare two reports (report.json) instead of running anything.")
    var compare = false

    @Flag(help: "Only read the scenarios, and say what is wrong with them.")
    var check = false

    @Flag(help: "Only list the cases.")
    var list = false

    @Flag(help: "Print the JSON schema of scenario files, for editors.")
    var schema = false

    func run() throws {
        let isRun = !(compare || check || list || schema)
        guard [compare, check, list, schema].filter({ $0 }).count <= 1, isRun || (rerun == nil && !resume) else {
            throw ValidationError("--compare, --check, --list, --schema, and a run, exclude each other")
        }
        guard seed == nil || (rerun == nil && !resume) else {
            throw ValidationError("--seed: a run that goes on, or runs again, has its seed from its report")
        }
        if schema { return show(ScenarioSchema.text) }
        if compare { return try TestComparison(paths).perform() }
        guard !paths.isEmpty || rerun != nil else {
            throw ValidationError("give a file with a scenario, or a directory of them")
        }
        guard paths.isEmpty || rerun == nil else {
            throw ValidationError("--rerun takes its scenarios from the report: give no others")
        }
        let session = try TestSession(self)
        if list { return session.list() }
        if check { return show("nothing wrong; \(session.suite.items.count) to run\n") }
        try session.perform()
    }
}

/// Where guests of scenarios run.
enum TestPlace: String, ExpressibleByArgument, CaseIterable {
    case auto, here, emulated
}
