import Configuration
import SystemPackage

/// What is logged, and where: what the options of `LogArguments` were given, nil without them.
struct LogOptions: Equatable {
    var logLevel: String?
    var logFormat: String?
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

    /// What was asked for; nil where that is left to the program.
    ///
    /// - Throws: `ConfigurationError`.
    var values: (level: LogLevel?, format: LogFormat?) {
        get throws {
            (
                try logLevel.map { try LogLevel(levelOptionText: $0) },
                try logFormat.map { try LogFormat(formatOptionText: $0) }
            )
        }
    }
}
