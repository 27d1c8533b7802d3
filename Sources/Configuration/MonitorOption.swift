/// Where the monitor listens for commands, as a user asks for it with `--monitor`.
public enum MonitorOption: Sendable, Equatable {
    /// On the terminal, or whatever standard input and output are.
    case stdio
    /// On a Unix socket.
    case unix(path: String)
    /// Nowhere.
    case none

    /// Reads the value of `--monitor`.
    public init(optionText text: String) throws(ConfigurationError) {
        switch text {
        case "stdio": self = .stdio
        case "none": self = .none
        default:
            guard let socket = try SocketPath(option: "--monitor", text) else {
                throw ConfigurationError("--monitor \(text)", "not one of stdio, unix:PATH and none")
            }
            self = .unix(path: socket.path)
        }
    }
}
