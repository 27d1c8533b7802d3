import Glibc

/// A process of `swiftlet`, with all that it wrote. It ends with this value at the latest.
final class SwiftletProcess {
    /// What its standard input and output are.
    enum Streams {
        case pipes
        case terminal
    }

    let child: ChildProcess
    let terminal: Terminal?
    /// What came on standard output, or the terminal.
    let output: ByteSource
    /// What came on standard error.
    let errors: ByteSource
    private let input: Int32

    /// - Parameters:
    ///   - arguments: behind the program's name.
    ///   - prefix: what starts it, such as `setpriv` and its options.
    init(
        _ arguments: [String], prefix: [String] = [], program: String = TestHost.swiftlet, streams: Streams = .pipes,
        environment: [String: String] = [:]
    ) throws {
        let errorPipe = try Self.makePipe()
        defer { close(errorPipe.write) }
        errors = ByteSource(errorPipe.read)
        let command = prefix + [program] + arguments
        switch streams {
        case .pipes:
            let (inputPipe, outputPipe) = (try Self.makePipe(), try Self.makePipe())
            terminal = nil
            input = inputPipe.write
            output = ByteSource(outputPipe.read)
            defer {
                close(inputPipe.read)
                close(outputPipe.write)
            }
            child = try ChildProcess(
                command, streams: (inputPipe.read, outputPipe.write, errorPipe.write), environment: environment)
        case .terminal:
            let terminal = try Terminal()
            self.terminal = terminal
            input = fcntl(terminal.master, F_DUPFD_CLOEXEC, 3)
            output = ByteSource(terminal.master)
            child = try ChildProcess(
                command, streams: (terminal.slave, terminal.slave, errorPipe.write), environment: environment)
        }
    }

    deinit {
        child.end()
        close(input)
    }

    /// Everything that it wrote, for messages.
    var transcript: String {
        """
        --- standard output
        \(output.text.suffix(6000))
        --- standard error
        \(errors.text.suffix(2000))
        ---
        """
    }

    func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            guard count > 0 else { throw TestFailure("writing to swiftlet: \(String(cString: strerror(errno)))") }
            rest = rest.dropFirst(count)
        }
    }

    /// Waits for a text on standard output, behind the one that was found before.
    ///
    /// - Returns: what stands in front of it.
    @discardableResult
    func waitFor(_ text: String, within time: Duration = .seconds(60)) throws -> String {
        try waitFor(text, in: output, within: time)
    }

    /// Waits for a text on standard error, behind the one that was found before.
    @discardableResult
    func waitForError(_ text: String, within time: Duration = .seconds(60)) throws -> String {
        try waitFor(text, in: errors, within: time)
    }

    private func waitFor(_ text: String, in source: ByteSource, within time: Duration) throws -> String {
        let deadline = Deadline(time)
        while true {
            let status = child.poll()
            ByteSource.wait(for: [output, errors], until: status == nil ? deadline : Deadline(.zero))
            if let found = source.take(through: text) {
                return found
            }
            if let status {
                throw TestFailure("swiftlet ended (\(status)) while the test waited for '\(text)'")
            }
            guard !deadline.hasPassed else { throw TestFailure("no '\(text)' within \(time)") }
        }
    }

    /// Waits for its end.
    func waitUntilEnded(within time: Duration = .seconds(60)) throws -> ChildProcess.Status {
        let deadline = Deadline(time)
        while true {
            let status = child.poll()
            ByteSource.wait(
                for: [output, errors], until: status == nil ? Deadline(.milliseconds(50)) : Deadline(.zero))
            if let status {
                return status
            }
            guard !deadline.hasPassed else { throw TestFailure("swiftlet did not end within \(time)") }
        }
    }

    private static func makePipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw TestFailure("making a pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        return (ends[0], ends[1])
    }
}
