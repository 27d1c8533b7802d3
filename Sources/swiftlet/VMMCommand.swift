import ArgumentParser
import Configuration

/// `swiftlet vmm`: Cloud Hypervisor's API, served by `swiftlet-api`, which this process becomes.
struct VMMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vmm",
        abstract: "Serve Cloud Hypervisor's REST API for one VM.",
        discussion: """
            The server waits for vm.create and vm.boot on a Unix socket, and ends at SIGTERM or vmm.shutdown. Its VM \
            ends with it, however it ends.

            EXAMPLES:
              swiftlet vmm --api-socket web.sock
              curl --unix-socket web.sock http://localhost/api/v1/vmm.ping
              swiftlet vmm --api-socket web.sock --qmp unix:web.qmp
                  QMP can watch the VM, and change it, too.

            Invoked by the name cloud-hypervisor, swiftlet takes that program's options and does the same.
            """)

    @Option(
        help: ArgumentHelp("The Unix socket to serve: PATH, or path=PATH.", valueName: "path"), completion: .file())
    var apiSocket: String

    @Option(
        help: ArgumentHelp("Where clients of QMP connect to the VM: unix:PATH. May be repeated.", valueName: "channel"),
        completion: .list(["unix:"]))
    var qmp: [String] = []

    @OptionGroup var log: LogArguments

    @Flag(name: .short, help: "Log each request, as --log-level debug does.")
    var verbose = false

    func run() throws {
        let (level, format) = try log.options.values
        try APIProgram().become(
            APIServerRequest(
                socket: try APIServerRequest.socket(optionText: apiSocket),
                qmp: try qmp.map { try SocketPath(qmpOptionText: $0) }, logFile: log.logFile,
                logLevel: level ?? (verbose ? .debug : .info),
                logFormat: format ?? (log.logFile == nil ? .plain : .text)))
    }
}
