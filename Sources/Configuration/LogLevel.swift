/// How much a log's line matters.
public enum LogLevel: String, Sendable, CaseIterable, Comparable {
    case debug
    case info
    /// Somebody should look at it some time.
    case warning
    /// The guest, or the machine, can't go on.
    case error

    /// Reads the value of `--log-level`.
    public init(levelOptionText text: String) throws(ConfigurationError) {
        guard let level = LogLevel(rawValue: text) else {
            throw ConfigurationError("--log-level \(text)", "not one of debug, info, warning and error")
        }
        self = level
    }

    public static func < (first: Self, second: Self) -> Bool { first.rank < second.rank }

    private var rank: Int {
        switch self {
        case .debug: 0
        case .info: 1
        case .warning: 2
        case .error: 3
        }
    }
}
