import ArgumentParser
import Configuration

/// What `swiftlet` is when it is invoked by the name `cloud-hypervisor`: that program, as far as its API goes.
struct CloudHypervisorCommand: ParsableCommand {
    /// The name.
    static let name = "cloud-hypervisor"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Swiftlet, in the place of Cloud Hypervisor: a VM that is created and booted by its REST API.",
        discussion: """
            EXAMPLE:
              cloud-hypervisor --api-socket path=/run/web.sock

            'swiftlet vmm --help' says more. Options of Cloud Hypervisor that describe a VM are refused: vm.create \
            describes it.
            """,
        version: "\(name) v\(APIServerRequest.dialectVersion) (Swiftlet)")

    @Option(help: ArgumentHelp("The Unix socket to serve: PATH, or path=PATH.", valueName: "path"))
    var apiSocket: String

    @Flag(name: .customShort("v"), help: "Log each request; may be repeated.")
    var verbosity: Int

    @Option(help: ArgumentHelp("Where the log goes. (default: standard error)", valueName: "path"))
    var logFile: String?

    @Option(help: ArgumentHelp("Without effect.", valueName: "true|false|log"))
    var seccomp: String?

    @Option(help: ArgumentHelp("Without effect.", valueName: "path=PATH|fd=N"))
    var eventMonitor: String?

    /// Options of Cloud Hypervisor that describe a VM, or ask for what is not there.
    private static let refused: Set = [
        "--balloon", "--cmdline", "--console", "--cpus", "--debug-console", "--device", "--disk", "--firmware", "--fs",
        "--fw-cfg-config", "--gdb", "--generic-vhost-user", "--host-data", "--igvm", "--initramfs", "--kernel",
        "--landlock",
        "--landlock-rules", "--memory", "--memory-zone", "--net", "--numa", "--nvdimm", "--pci-segment", "--platform",
        "--pmem", "--pvpanic", "--rate-limit-group", "--restore", "--rng", "--rtc", "--serial", "--sgx-epc", "--tpm",
        "--user-device", "--vdpa", "--vsock", "--watchdog", "--dbus-object-path", "--dbus-service-name",
        "--dbus-system-bus",
    ]

    /// Refuses what that program knows and this one does not.
    ///
    /// - Throws: `ConfigurationError`.
    static func check(_ arguments: some Sequence<String>) throws {
        for argument in arguments {
            let option = String(argument.prefix { $0 != "=" })
            guard refused.contains(option) else { continue }
            throw ConfigurationError(
                option,
                "not here: describe the VM to vm.create of the API (--api-socket), or use 'swiftlet run', which has"
                    + " options for it")
        }
    }

    func run() throws {
        let ignored = [("--seccomp", seccomp), ("--event-monitor", eventMonitor)]
            .compactMap { name, value in value.map { "\(name) \($0)" } }
        try APIProgram().become(
            APIServerRequest(
                socket: try APIServerRequest.socket(optionText: apiSocket), logFile: logFile,
                logLevel: verbosity > 0 ? .debug : .info, logFormat: logFile == nil ? .plain : .text,
                optionsWithoutEffect: ignored))
    }
}
