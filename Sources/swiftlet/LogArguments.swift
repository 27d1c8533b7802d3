import ArgumentParser
import Configuration

/// The options that say what is logged, and where, as the parser reads them.
struct LogArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "What matters enough to be logged: debug, info, warning or error. (default: info, but for 'run' on standard error warning)",
            valueName: "level"),
        completion: .list(LogLevel.allCases.map(\.rawValue)))
    var logLevel: String?

    @Option(
        help: ArgumentHelp(
            "How lines look: text, with the time, or json, an object each. (default: text, on standard error without the time)",
            valueName: "format"),
        completion: .list(["text", "json"]))
    var logFormat: String?

    @Option(
        help: ArgumentHelp(
            "A file to log to, instead of standard error. A named machine also logs to its run directory.",
            valueName: "path"),
        completion: .file())
    var logFile: String?

    var options: LogOptions {
        LogOptions(logLevel: logLevel, logFormat: logFormat, logFile: logFile)
    }
}
