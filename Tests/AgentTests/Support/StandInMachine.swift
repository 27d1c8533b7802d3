import AgentProtocol
import Foundation
import Host
import RunDirectory
import Synchronization
import SystemPackage

/// The run directory of a machine, with a socket that speaks as a machine's vsock does and leads to an agent's socket.
final class StandInMachine: Sendable {
    private let place: Place
    private let lock: OwnedFileDescriptor
    private let listener: OwnedFileDescriptor
    private let agent: String
    private let isOver = Atomic(false)
    private let refusal = Atomic(false)

    var runtime: String { place.path }

    /// Whether the guest has no program at the agent's port.
    var refuses: Bool {
        get { refusal.load(ordering: .relaxed) }
        set { refusal.store(newValue, ordering: .relaxed) }
    }

    init(name: String, agent: String) throws {
        place = try Place()
        self.agent = agent
        let directory = RunDirectory(name: name, root: FilePath(place.file("swiftlet")))
        lock = try directory.claim()
        RunDirectory.note(process: getpid(), in: lock.descriptor)
        listener = try UnixSocket.listen(at: directory.vsockSocket)
        let descriptor = listener.descriptor
        Foundation.Thread.detachNewThread { [weak self] in
            while true {
                guard ByteStream.waitUntilReadable(descriptor, milliseconds: 50) else {
                    if self?.isOver.load(ordering: .relaxed) != false { return }
                    continue
                }
                guard let self, let connection = try? descriptor.acceptConnection() else { return }
                self.serve(connection.release())
            }
        }
    }

    deinit {
        isOver.store(true, ordering: .relaxed)
    }

    /// Answers the line that names the port, and joins the two.
    private func serve(_ client: FileDescriptor) {
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n"), ByteStream.waitUntilReadable(client, milliseconds: 5_000),
            case .bytes(let bytes)? = try? ByteStream.read(client, limit: 1)
        {
            line += bytes
        }
        let guest = refuses ? nil : try? UnixSocket.connect(to: FilePath(agent)).release()
        guard line == Array("CONNECT \(AgentProtocol.port)\n".utf8), let guest else {
            try? client.close()
            return
        }
        _ = try? client.writeAll("OK 1073741824\n".utf8)
        let pair = JoinedPair(client, guest)
        Foundation.Thread.detachNewThread { pair.join(pair.first, pair.second) }
        Foundation.Thread.detachNewThread { pair.join(pair.second, pair.first) }
    }
}

/// Two connections that get what the other one says, each until that ends.
private final class JoinedPair: Sendable {
    let first: FileDescriptor
    let second: FileDescriptor

    init(_ first: FileDescriptor, _ second: FileDescriptor) {
        (self.first, self.second) = (first, second)
    }

    deinit {
        try? first.close()
        try? second.close()
    }

    func join(_ from: FileDescriptor, _ to: FileDescriptor) {
        while ByteStream.waitUntilReadable(from, milliseconds: nil),
            case let result? = try? ByteStream.read(from, limit: 65536), result != .end
        {
            guard case .bytes(let bytes) = result else { continue }
            var rest = bytes[...]
            while !rest.isEmpty, ByteStream.waitUntilWritable(to, milliseconds: 60_000),
                let count = try? ByteStream.write(to, rest)
            {
                rest = rest.dropFirst(count)
            }
            if !rest.isEmpty { break }
        }
        shutdown(to.rawValue, Int32(SHUT_WR))
        shutdown(from.rawValue, Int32(SHUT_RD))
    }
}
