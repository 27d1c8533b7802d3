/// Where the guest's serial port leads, as a user asks for it with `--serial`.
public enum SerialOption: Sendable, Equatable {
    /// To the terminal, or whatever standard input and output are.
    case stdio
    /// To a pseudo-terminal of its own.
    case pty
    /// Nowhere.
    case null
    /// Into a file; there is no input.
    case file(path: String)
    /// To whoever connects to a Unix socket.
    case unix(path: String)

    /// Reads the value of `--serial`.
    public init(optionText text: String) throws(ConfigurationError) {
        switch text {
        case "stdio": self = .stdio
        case "pty": self = .pty
        case "null": self = .null
        case _ where text.hasPrefix("file:") && text != "file:": self = .file(path: String(text.dropFirst(5)))
        default:
            guard let socket = try SocketPath(option: "--serial", text) else {
                throw ConfigurationError("--serial \(text)", "not one of stdio, pty, null, file:PATH and unix:PATH")
            }
            self = .unix(path: socket.path)
        }
    }
}
