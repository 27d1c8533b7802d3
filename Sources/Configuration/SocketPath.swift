/// The path of a Unix socket, as users give it: `unix:PATH`.
public struct SocketPath: Sendable, Equatable {
    public let path: String

    /// The longest path, in bytes (`sun_path` also holds a zero byte).
    public static let maximumLength = 107

    /// Reads what is behind an option; nil for what does not begin with `unix:`.
    ///
    /// - Throws: `ConfigurationError` for a path that no socket can have.
    init?(option: String, _ text: String) throws(ConfigurationError) {
        guard text.hasPrefix("unix:") else { return nil }
        path = String(text.dropFirst(5))
        guard !path.isEmpty else { throw ConfigurationError("\(option) \(text)", "no path behind unix:") }
        guard path.utf8.count <= Self.maximumLength else {
            throw ConfigurationError(
                "\(option) \(text)",
                "the path has \(path.utf8.count) bytes; a Unix socket's has at most \(Self.maximumLength)")
        }
    }

    /// Reads the value of `--qmp`.
    public init(qmpOptionText text: String) throws(ConfigurationError) {
        guard let path = try SocketPath(option: "--qmp", text) else {
            throw ConfigurationError("--qmp \(text)", "not unix:PATH")
        }
        self = path
    }
}
