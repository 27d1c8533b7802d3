import ArgumentParser
import JSON

/// `swiftlet list`: the machines that have a name.
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the machines that run and have a name.",
        discussion: """
            EXAMPLES:
              swiftlet list
              swiftlet list --json

            With --json: an array with, for each machine, what 'swiftlet info --json' prints.
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let reports = MachineReport.all()
        guard !json else {
            return print(String(decoding: JSONValue.array(reports.map(\.json)).text, as: UTF8.self))
        }
        guard !reports.isEmpty else {
            return print("no machine that has a name runs; 'swiftlet run --name NAME' gives one")
        }
        printTable(
            [["NAME", "PID", "STATUS", "CPUS", "BOOT", "REQUESTED", "PLUGGED", "RESIDENT"]]
                + reports.map { report in
                    [
                        report.name, "\(report.process)", report.status, "\(report.processors)",
                        sizeText(report.bootMemory), sizeText(report.requested), sizeText(report.plugged),
                        sizeText(report.resident),
                    ]
                })
    }
}
