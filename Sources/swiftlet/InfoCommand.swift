import ArgumentParser
import JSON

/// `swiftlet info`: one machine with its memory devices.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Show a machine and its memory devices.",
        discussion: """
            EXAMPLES:
              swiftlet info web
              swiftlet info web --json

            With --json: an object with name, pid, status, cpus, boot-memory, plugged, requested, resident, and \
            memory-devices, an array of objects with id, node, requested-size, size, max-size and block-size. Sizes are \
            in bytes.
            """)

    @Argument(help: "The machine.")
    var name: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = try MachineReport(RunningMachine(name))
        guard !json else { return print(String(decoding: report.json.text, as: UTF8.self)) }
        printTable([
            ["name:", report.name], ["pid:", "\(report.process)"], ["status:", report.status],
            ["cpus:", "\(report.processors)"], ["boot memory:", sizeText(report.bootMemory)],
            ["resident:", sizeText(report.resident)],
        ])
        guard !report.devices.isEmpty else { return }
        print()
        printTable(
            [["DEVICE", "NODE", "REQUESTED", "PLUGGED", "SIZE", "BLOCK"]]
                + report.devices.map { device in
                    [
                        device.id, "\(device.node)", sizeText(device.requestedSize), sizeText(device.size),
                        sizeText(device.maximumSize), sizeText(device.blockSize),
                    ]
                })
    }
}
