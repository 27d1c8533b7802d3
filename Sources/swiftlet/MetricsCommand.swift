import ArgumentParser

/// `swiftlet metrics`: what a machine has counted.
struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics",
        abstract: "Print what a machine has counted, in Prometheus's text format.",
        discussion: """
            EXAMPLES:
              swiftlet metrics web
              swiftlet metrics web > web.prom

            Exits of vCPUs by reason, requests to memory devices by type and response, bytes plugged and unplugged, \
            how long requests and resizes took, violations. Each has the machine's name as a label.
            """)

    @Argument(help: "The machine.")
    var name: String

    func run() throws {
        show(try RunningMachine(name).execute("x-swiftlet-query-metrics").string ?? "")
    }
}
