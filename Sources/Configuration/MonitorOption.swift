/// Where the monitor listens for commands, as a user asks for it with `--monitor`.
public enum MonitorOption: Sendable, Equatable {
    /// On the terminal, or whatever standard input and output are.
    case stdio
    /// On a Unix socket.
    case unix(path: String)
    /// Nowhere.
    case none

    /// The longest path of a Unix socket, in bytes (`sun_path` also holds a zero byte).
    public static let maximumPathLength = 107

    /// Reads the value of `--monitor`.
    public init(optionText text: String) throws(ConfigurationError) {
        switch text {
        case "stdio": self = .stdio
        case "none": self = .none
        case _ where text.hasPrefix("unix:") && text != "unix:":
            let path = String(text.dropFirst(5))
            guard path.utf8.count <= Self.maximumPathLength else {
                throw ConfigurationError(
                    "--monitor \(text)",
                    "the path has \(path.utf8.count) bytes; a Unix socket's has at most \(Self.maximumPathLength)")
            }
            self = .unix(path: path)
        default:
            throw ConfigurationError("--monitor \(text)", "not one of stdio, unix:PATH and none")
        }
    }
}
