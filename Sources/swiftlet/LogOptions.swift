import ArgumentParser
import Configuration
import SystemPackage

/// The options that say what a machine logs, and where.
struct LogOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What matters enough to be logged: debug, info, warning or error. (default: info; warning on a terminal)",
            valueName: "level"),
        completion: .list(LogLevel.allCases.map(\.rawValue)))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "How lines look: text, with the time, or json, an object each. (default: text; without the time on a terminal)",
            valueName: "format"),
        completion: .list(["text", "json"]))
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "A file to log to, instead of standard error. A named machine also logs to its run directory.",
            valueName: "path"),
        completion: .file())
    var logFile: String?

    /// Opens the file to log to, if there is one.
    ///
    /// - Parameter sources: what the guest is made from.
    /// - Throws: `Refusal` for a file that can't be written.
    func openFile(apartFrom sources: [FilePath]) throws -> FileDescriptor? {
        try logFile.map { try openForAppending($0, option: "--log-file \($0)", apartFrom: sources) }
    }

    /// Where the machine logs to.
    ///
    /// - Parameters:
    ///   - file: what `openFile(apartFrom:)` returned.
    ///   - runLog: the log in the machine's run directory, where it has one.
    ///   - isDetached: whether nobody reads standard error.
    /// - Throws: `ConfigurationError`.
    func destinations(file: FileDescriptor?, runLog: FileDescriptor?, isDetached: Bool) throws -> [LogDestination] {
        let (level, format) = try values
        var destinations = [file, runLog].compactMap(\.self).map { descriptor in
            LogDestination(descriptor: descriptor.rawValue, level: level ?? .info, format: format ?? .text)
        }
        if file == nil, !isDetached {
            var standardError = LogDestination.standardError
            standardError.level = level ?? standardError.level
            // Who asks for more, or for a form, gets what a file would.
            standardError.format = format ?? (level == nil ? .plain : .text)
            destinations.insert(standardError, at: 0)
        }
        return destinations
    }

    /// Checks what was given.
    ///
    /// - Throws: `ConfigurationError`.
    func check() throws { _ = try values }

    private var values: (level: LogLevel?, format: LogFormat?) {
        get throws {
            let level = try logLevel.map { text in
                guard let level = LogLevel(rawValue: text) else {
                    throw ConfigurationError("--log-level \(text)", "not one of debug, info, warning and error")
                }
                return level
            }
            let format = try logFormat.map { text in
                guard let format = LogFormat(rawValue: text), format != .plain else {
                    throw ConfigurationError("--log-format \(text)", "not one of text and json")
                }
                return format
            }
            return (level, format)
        }
    }
}
