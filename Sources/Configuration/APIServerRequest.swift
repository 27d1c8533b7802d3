/// All that the server of Cloud Hypervisor's API is told, as the command line of `swiftlet-api`.
public struct APIServerRequest: Sendable, Equatable {
    /// The path of the Unix socket that it serves.
    public var socket: String
    /// Where clients of QMP connect to the VM's process, beside the server.
    public var qmp: [SocketPath]
    /// Where its log goes; nil for standard error.
    public var logFile: String?
    /// What of it; each request is worth `debug`.
    public var logLevel: LogLevel
    public var logFormat: LogFormat
    /// Options that were given and mean nothing here, for the log.
    public var optionsWithoutEffect: [String]

    /// The version of Cloud Hypervisor whose API it is.
    public static let dialectVersion = "52.0.0"

    public init(
        socket: String, qmp: [SocketPath] = [], logFile: String? = nil, logLevel: LogLevel = .info,
        logFormat: LogFormat = .plain, optionsWithoutEffect: [String] = []
    ) {
        self.socket = socket
        self.qmp = qmp
        self.logFile = logFile
        self.logLevel = logLevel
        self.logFormat = logFormat
        self.optionsWithoutEffect = optionsWithoutEffect
    }

    /// Where the server itself speaks QMP to the VM's process.
    public var controlSocket: String { socket + Self.controlSuffix }
    private static let controlSuffix = ".qmp"

    /// The request as command-line arguments, without the program's own name.
    public func arguments() -> [String] {
        var arguments = [
            "--api-socket", socket, "--log-level", logLevel.rawValue, "--log-format", logFormat.rawValue,
        ]
        for path in qmp {
            arguments += ["--qmp", "unix:\(path.path)"]
        }
        if let logFile {
            arguments += ["--log-file", logFile]
        }
        for option in optionsWithoutEffect {
            arguments += ["--without-effect", option]
        }
        return arguments
    }

    /// Reads what `arguments()` wrote.
    ///
    /// - Throws: `ConfigurationError` for an option that is unknown, malformed or missing.
    public init(arguments: some Sequence<String>) throws(ConfigurationError) {
        self.init(socket: "")
        var iterator = arguments.makeIterator()
        while let name = iterator.next() {
            guard let value = iterator.next() else { throw ConfigurationError(name, "needs a value") }
            switch name {
            case "--api-socket": socket = value
            case "--log-level": logLevel = try LogLevel(levelOptionText: value)
            case "--log-format": logFormat = LogFormat(rawValue: value) ?? .plain
            case "--qmp": qmp.append(try SocketPath(qmpOptionText: value))
            case "--log-file": logFile = value
            case "--without-effect": optionsWithoutEffect.append(value)
            default: throw ConfigurationError(name, "unknown option")
            }
        }
        try check()
    }

    /// - Throws: `ConfigurationError` for a path that no socket can have.
    public func check() throws(ConfigurationError) {
        guard !socket.isEmpty else { throw ConfigurationError("--api-socket", "no path is given") }
        // The server's own connection to the VM lies beside it.
        let longest = SocketPath.maximumLength - Self.controlSuffix.utf8.count
        guard socket.utf8.count <= longest else {
            throw ConfigurationError(
                "--api-socket \(socket)", "the path has \(socket.utf8.count) bytes; \(longest) is the most")
        }
    }

    /// Reads the value of `--api-socket`: `PATH`, or `path=PATH`.
    ///
    /// - Throws: `ConfigurationError` for the other forms of that option, by which a socket would be inherited.
    public static func socket(optionText text: String) throws(ConfigurationError) -> String {
        guard !text.hasPrefix("fd=") else {
            throw ConfigurationError("--api-socket \(text)", "a socket can't be handed over: give path=PATH")
        }
        return text.hasPrefix("path=") ? String(text.dropFirst(5)) : text
    }
}
