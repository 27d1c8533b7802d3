import Glibc

/// A connection to the monitor on its socket.
final class MonitorClient {
    private static let prompt = "(swiftlet) "

    private let source: ByteSource
    /// What else must be read meanwhile, so that nobody waits for this test.
    private let process: SwiftletProcess

    /// Connects, and waits for the prompt.
    init(path: String, of process: SwiftletProcess) throws {
        self.process = process
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw TestFailure("making a socket: \(String(cString: strerror(errno)))") }
        source = ByteSource(descriptor)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = Deadline(.seconds(30)).poll {
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            return result == 0 || process.child.poll() != nil ? result : nil
        }
        guard connected == 0 else {
            throw TestFailure("connecting to \(path): \(String(cString: strerror(errno)))")
        }
        _ = try answer(within: .seconds(30))
    }

    /// Gives a command.
    ///
    /// - Returns: what the monitor answers, up to its prompt.
    @discardableResult
    func callAsFunction(_ command: String, within time: Duration = .seconds(60)) throws -> String {
        try send(command)
        return try answer(within: time)
    }

    /// Gives a command that ends the connection.
    func send(_ command: String) throws {
        let line = Array((command + "\n").utf8)
        guard Glibc.send(source.descriptor, line, line.count, Int32(MSG_NOSIGNAL)) == line.count else {
            throw TestFailure("sending '\(command)' to the monitor: \(String(cString: strerror(errno)))")
        }
    }

    private func answer(within time: Duration) throws -> String {
        let deadline = Deadline(time)
        while true {
            ByteSource.wait(for: [source, process.output, process.errors], until: deadline)
            if let answer = source.take(through: Self.prompt) {
                return answer
            }
            guard !source.isAtEnd else { throw TestFailure("the monitor closed the connection") }
            guard !deadline.hasPassed else { throw TestFailure("no answer from the monitor within \(time)") }
        }
    }
}
