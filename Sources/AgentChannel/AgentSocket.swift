import AgentProtocol
import Host
import SystemPackage

/// The way to a guest's agent: its machine's vsock, a Unix socket that takes the port's number first.
public struct AgentSocket: Sendable {
    private let path: FilePath

    /// Why nobody answers, though the socket is there: the guest is still starting, has no agent, or does not answer.
    public struct Silence: Error {}

    /// The longest answer that is waited for, such as `OK 1073741824`.
    private static let maximumAnswer = 32
    /// Milliseconds between two calls of what is called while it is waited.
    private static let interval: UInt64 = 200

    public init(_ path: FilePath) {
        self.path = path
    }

    /// - Parameters:
    ///   - patience: milliseconds that the guest may take.
    ///   - onWait: is called again and again meanwhile; what it throws ends the wait.
    /// - Throws: `Silence`; `SystemCallError` where the socket can't be reached.
    public func connect(patience: UInt64 = 10_000, onWait: () throws -> Void = {}) throws -> OwnedFileDescriptor {
        let connection = try UnixSocket.connect(to: path)
        try connection.descriptor.write(all: Array("CONNECT \(AgentProtocol.port)\n".utf8)[...])
        guard try answer(connection.descriptor, patience, onWait).hasPrefix("OK ") else { throw Silence() }
        return connection
    }

    /// The line that is answered, and nothing of what follows it.
    private func answer(
        _ connection: FileDescriptor, _ patience: UInt64, _ onWait: () throws -> Void
    ) throws -> String {
        var line: [UInt8] = []
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        while line.last != UInt8(ascii: "\n"), line.count < Self.maximumAnswer {
            try onWait()
            let rest = MonotonicInstant.now().milliseconds(until: deadline)
            guard ByteStream.waitUntilReadable(connection, milliseconds: min(rest, Self.interval)) else {
                guard rest > 0 else { throw Silence() }
                continue
            }
            guard case .bytes(let bytes)? = try? ByteStream.read(connection, limit: 1) else { break }
            line += bytes
        }
        return String(decoding: line, as: UTF8.self)
    }
}
