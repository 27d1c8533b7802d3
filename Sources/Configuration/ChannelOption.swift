/// Where the guest's serial port or its virtio console leads, as a user asks for it with `--serial` or `--console`.
public enum ChannelOption: Sendable, Equatable {
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

    /// Reads the value of an option: `--serial` or `--console`.
    public init(option: String, optionText text: String) throws(ConfigurationError) {
        switch text {
        case "stdio": self = .stdio
        case "pty": self = .pty
        case "null": self = .null
        case _ where text.hasPrefix("file:") && text != "file:": self = .file(path: String(text.dropFirst(5)))
        default:
            guard let socket = try SocketPath(option: option, text) else {
                throw ConfigurationError("\(option) \(text)", "not one of stdio, pty, null, file:PATH and unix:PATH")
            }
            self = .unix(path: socket.path)
        }
    }

    /// Where the serial port leads of a machine that was not told.
    ///
    /// - Parameters:
    ///   - console: where its virtio console leads; nil where it has none. Standard input and output are for one of both.
    ///   - socket: the path of the socket that a machine in the background has for it; nil for others.
    public static func serial(console: ChannelOption?, socket: String?) -> ChannelOption {
        if let socket { return .unix(path: socket) }
        return console == .stdio ? .null : .stdio
    }

    /// - Throws: `ConfigurationError` where serial port and virtio console lead to the same, which has no two ends.
    public static func check(serial: ChannelOption, console: ChannelOption) throws(ConfigurationError) {
        guard serial == console else { return }
        switch console {
        case .pty, .null: break
        case .stdio:
            throw ConfigurationError(
                "--console stdio", "the serial port has standard input and output; give --serial null, or leave it out")
        case .file(let path):
            throw ConfigurationError("--console file:\(path)", "the serial port leads to this file; give another one")
        case .unix(let path):
            throw ConfigurationError("--console unix:\(path)", "the serial port has this socket; give another path")
        }
    }
}
