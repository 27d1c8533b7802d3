/// A descriptor that a log goes to, and what of it, and how.
public struct LogDestination: Sendable, Equatable {
    /// Number of the descriptor.
    public var descriptor: Int32
    /// What matters less is left out.
    public var level: LogLevel
    public var format: LogFormat

    public init(descriptor: Int32, level: LogLevel, format: LogFormat) {
        self.descriptor = descriptor
        self.level = level
        self.format = format
    }

    /// What a machine has that is told nothing else: standard error, for a person.
    public static let standardError = LogDestination(descriptor: 2, level: .warning, format: .plain)
}

extension LogLevel: OptionChoice {}
extension LogFormat: OptionChoice {}

extension LogDestination {
    var optionText: String { "fd=\(descriptor),level=\(level.rawValue),format=\(format.rawValue)" }

    init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--log", text, keys: ["fd", "level", "format"])
        self.init(
            descriptor: try option.descriptor(), level: try option.choice("level", as: LogLevel.self) ?? .warning,
            format: try option.choice("format", as: LogFormat.self) ?? .plain)
    }
}
