import Host
import SystemPackage

/// The server's log: lines on standard error, or in a file. It belongs to the main thread.
final class ServerLog {
    private let output: FileDescriptor
    private let verbosity: Int

    /// - Parameters:
    ///   - path: a file to append to; nil for standard error.
    ///   - verbosity: 0 for what somebody should know, 1 for each request, too.
    /// - Throws: `SystemCallError` for a file that can't be written.
    init(path: String?, verbosity: Int) throws(SystemCallError) {
        self.verbosity = verbosity
        guard let path else {
            output = .standardError
            return
        }
        output = try OwnedFileDescriptor(opening: FilePath(path), .writeOnly, options: [.create, .append]).release()
    }

    func write(_ text: String) {
        // Who took the log away does not miss it.
        _ = try? output.writeAll("swiftlet-api: \(Self.oneLine(text))\n".utf8)
    }

    /// Writes what is of interest to those who look for a fault.
    func writeDetail(_ text: @autoclosure () -> String) {
        if verbosity > 0 { write(text()) }
    }

    /// Clients' words must not look like lines of their own.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline || $0.unicodeScalars.contains { $0.value < 0x20 } ? " " : $0 })
    }
}
