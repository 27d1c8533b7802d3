/// How a log's lines look.
public enum LogFormat: String, Sendable, CaseIterable {
    /// For a person at a terminal: `swiftlet: warning: …`.
    case plain
    /// With the time and the level: `2026-11-24T08:15:00.123Z warning …`.
    case text
    /// An object a line.
    case json

    /// Reads the value of `--log-format`, by which nobody asks for `plain`.
    public init(formatOptionText text: String) throws(ConfigurationError) {
        guard let format = LogFormat(rawValue: text), format != .plain else {
            throw ConfigurationError("--log-format \(text)", "not one of text and json")
        }
        self = format
    }
}
