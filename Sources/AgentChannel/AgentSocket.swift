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

    public init(_ path: FilePath) {
        self.path = path
    }

    /// - Parameter patience: milliseconds that the guest may take.
    /// - Throws: `Silence`; `SystemCallError` where the socket can't be reached.
    public func connect(patience: UInt64 = 10_000) throws -> OwnedFileDescriptor {
        let connection = try UnixSocket.connect(to: path)
        try connection.descriptor.write(all: Array("CONNECT \(AgentProtocol.port)\n".utf8)[...])
        guard try answer(connection.descriptor, patience).hasPrefix("OK ") else { throw Silence() }
        return connection
    }

    /// The line that is answered, and nothing of what follows it.
    private func answer(_ connection: FileDescriptor, _ patience: UInt64) throws -> String {
        var line: [UInt8] = []
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        while line.last != UInt8(ascii: "\n"), line.count < Self.maximumAnswer {
            let rest = MonotonicInstant.now().milliseconds(until: deadline)
            guard ByteStream.waitUntilReadable(connection, milliseconds: rest) else { throw Silence() }
            guard case .bytes(let bytes)? = try? ByteStream.read(connection, limit: 1) else { break }
            line += bytes
        }
        return String(decoding: line, as: UTF8.self)
    }
}
