/// How a log's lines look.
public enum LogFormat: String, Sendable, CaseIterable {
    /// For a person at a terminal: `swiftlet: warning: …`.
    case plain
    /// With the time and the level: `2026-11-24T08:15:00.123Z warning …`.
    case text
    /// An object a line.
    case json
}
