import Configuration
import Host
import MachineLog
import SystemPackage

/// The server's log: lines on standard error, or in a file. It belongs to the main thread.
final class ServerLog {
    private let output: FileDescriptor
    private let level: LogLevel
    private let format: LogFormat

    /// - Throws: `SystemCallError` for a file that can't be written.
    init(_ request: APIServerRequest) throws(SystemCallError) {
        level = request.logLevel
        format = request.logFormat
        guard let path = request.logFile else {
            output = .standardError
            return
        }
        // A pipe that nobody reads would be waited for.
        output = try OwnedFileDescriptor(
            opening: FilePath(path), .writeOnly, options: [.create, .append, .nonBlocking]
        ).release()
    }

    func write(_ text: @autoclosure () -> String, level: LogLevel = .info) {
        guard level >= self.level else { return }
        let entry = LogEntry(level, Self.oneLine(text()))
        // Who took the log away does not miss it.
        _ = try? output.writeAll(entry.line(format, program: "swiftlet-api").utf8)
    }

    /// Clients' words must not look like lines of their own.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0 })
    }
}
