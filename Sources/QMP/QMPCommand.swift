import JSON
import QMPProtocol

/// A command of QMP with its arguments read: see `schema.json`.
enum QMPCommand: Equatable {
    case capabilities
    case queryCommands
    case querySchema
    case queryVersion
    case queryName
    case queryUUID
    case queryStatus
    case queryKVM
    case queryProcessors
    case queryMemoryDevices
    case queryMemorySizes
    case queryCharacterDevices
    case queryBalloon
    case balloon(size: UInt64)
    case queryMetrics
    case listProperties(path: String)
    case getProperty(path: String, property: String)
    case setProperty(path: String, property: String, value: JSONValue)
    case stop
    case resume
    case reset
    case powerDown
    case quit
    case monitor(line: String)

    private typealias Reader = @Sendable (inout QMPArguments) throws(QMPError) -> QMPCommand

    private static let readers: [(name: String, read: Reader)] = [
        (
            "qmp_capabilities",
            { (arguments) throws(QMPError) in
                let names = try arguments.takeOptional("enable", "array") { value -> [JSONValue]? in
                    if case .array(let names) = value { names } else { nil }
                }
                if let name = names?.first {
                    throw QMPError("Capability '\(name.string ?? "")' is not available")
                }
                return .capabilities
            }
        ),
        ("query-commands", { _ in .queryCommands }),
        ("query-qmp-schema", { _ in .querySchema }),
        ("query-version", { _ in .queryVersion }),
        ("query-name", { _ in .queryName }),
        ("query-uuid", { _ in .queryUUID }),
        ("query-status", { _ in .queryStatus }),
        ("query-kvm", { _ in .queryKVM }),
        ("query-cpus-fast", { _ in .queryProcessors }),
        ("query-memory-devices", { _ in .queryMemoryDevices }),
        ("query-memory-size-summary", { _ in .queryMemorySizes }),
        ("query-chardev", { _ in .queryCharacterDevices }),
        ("query-balloon", { _ in .queryBalloon }),
        (
            "balloon",
            { (arguments) throws(QMPError) in
                let size = try arguments.take("value", "integer") { value -> Int128? in
                    if case .integer(let size) = value { size } else { nil }
                }
                guard size > 0, let size = UInt64(exactly: size) else {
                    throw QMPError("Parameter 'value' expects a size")
                }
                return .balloon(size: size)
            }
        ),
        ("x-swiftlet-query-metrics", { _ in .queryMetrics }),
        (
            "qom-list",
            { (arguments) throws(QMPError) in .listProperties(path: try arguments.takeString("path")) }
        ),
        (
            "qom-get",
            { (arguments) throws(QMPError) in
                .getProperty(path: try arguments.takeString("path"), property: try arguments.takeString("property"))
            }
        ),
        (
            "qom-set",
            { (arguments) throws(QMPError) in
                .setProperty(
                    path: try arguments.takeString("path"), property: try arguments.takeString("property"),
                    value: try arguments.take("value", "any") { $0 })
            }
        ),
        ("stop", { _ in .stop }),
        ("cont", { _ in .resume }),
        ("system_reset", { _ in .reset }),
        ("system_powerdown", { _ in .powerDown }),
        ("quit", { _ in .quit }),
        (
            "human-monitor-command",
            { (arguments) throws(QMPError) in
                // The monitor has no command that is about one vCPU.
                _ = try arguments.takeOptional("cpu-index", "integer") { value -> Int128? in
                    if case .integer(let index) = value { index } else { nil }
                }
                return .monitor(line: try arguments.takeString("command-line"))
            }
        ),
    ]

    /// The names of all commands.
    static var names: [String] { readers.map(\.name) }

    /// Reads what a client asks for.
    ///
    /// - Throws: `QMPError` for a command that nobody knows, and for wrong arguments.
    init(_ request: QMPRequest) throws(QMPError) {
        guard let reader = Self.readers.first(where: { $0.name == request.command }) else {
            throw QMPError(.commandNotFound, "The command \(request.command) has not been found")
        }
        var arguments = QMPArguments(request.arguments)
        self = try reader.read(&arguments)
        try arguments.finish()
    }
}
