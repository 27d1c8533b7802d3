import Host
import Machine
import Monitor
import SystemPackage

/// The monitor on a Unix socket, for several connections. It belongs to the main loop.
final class MonitorServer {
    private final class Connection {
        let socket: OwnedFileDescriptor
        let output: OutputStream
        let session: MonitorSession
        var token: EventLoop.Token?

        init(_ socket: consuming OwnedFileDescriptor, output: OutputStream, session: MonitorSession) {
            self.socket = socket
            self.output = output
            self.session = session
        }
    }

    private let listener: FileDescriptor
    private let loop: EventLoop
    private let monitor: Monitor<Machine>
    private let onQuit: () -> Void
    private var listenerToken: EventLoop.Token?
    private var connections: [CInt: Connection] = [:]

    /// Connections at a time; more wait until one ends.
    private static let limit = 16
    /// Milliseconds that a reader of the last answers is waited for.
    private static let patience: UInt64 = 200

    init(
        listener: FileDescriptor, loop: EventLoop, monitor: Monitor<Machine>, onQuit: @escaping () -> Void
    ) throws(SystemCallError) {
        self.listener = listener
        self.loop = loop
        self.monitor = monitor
        self.onQuit = onQuit
        try listener.makeNonBlocking()
        try listen()
    }

    /// Lets the last answers out, at the end of the process.
    func finish() {
        for connection in connections.values {
            connection.output.flush(patience: Self.patience)
        }
    }

    private func listen() throws(SystemCallError) {
        guard listenerToken == nil else { return }
        listenerToken = try loop.add(listener, .readable) { [unowned self] _ in accept() }
    }

    private func stopListening() {
        if let listenerToken {
            loop.remove(listenerToken)
        }
        listenerToken = nil
    }

    private func accept() {
        do throws(SystemCallError) {
            try open(listener.acceptConnection())
        } catch {
            // Without descriptors to spare nobody is let in before somebody has left.
            if error.errno != .wouldBlock && !connections.isEmpty {
                stopListening()
            }
        }
        if connections.count >= Self.limit {
            stopListening()
        }
    }

    private func open(_ socket: consuming OwnedFileDescriptor) throws(SystemCallError) {
        let descriptor = socket.descriptor
        let output = OutputStream(descriptor, loop: loop)
        output.onRoom = { [unowned self] in try? wait(for: descriptor) }
        let session = MonitorSession(monitor: monitor, output: output, echoes: false, onQuit: onQuit)
        connections[descriptor.rawValue] = Connection(socket, output: output, session: session)
        do throws(SystemCallError) {
            try wait(for: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        session.greet()
    }

    private func wait(for descriptor: FileDescriptor) throws(SystemCallError) {
        guard let connection = connections[descriptor.rawValue], connection.token == nil else { return }
        connection.token = try loop.add(descriptor, .readable) { [unowned self] _ in serve(descriptor) }
    }

    private func serve(_ descriptor: FileDescriptor) {
        guard let connection = connections[descriptor.rawValue] else { return }
        switch try? ByteStream.read(descriptor) {
        case .bytes(let bytes):
            connection.session.receive(bytes)
            if connection.output.isCongested, let token = connection.token {
                // Who does not read its answers is not asked for more commands.
                loop.remove(token)
                connection.token = nil
            }
        case .wouldBlock: break
        case .end, nil: close(descriptor)
        }
    }

    private func close(_ descriptor: FileDescriptor) {
        guard let connection = connections.removeValue(forKey: descriptor.rawValue) else { return }
        if let token = connection.token {
            loop.remove(token)
        }
        connection.output.close()
        try? listen()
    }
}
