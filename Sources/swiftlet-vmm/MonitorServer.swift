import Host
import Machine
import Monitor
import SystemPackage

/// The monitor on a Unix socket, for any number of connections. It belongs to the main loop.
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
    private var connections: [CInt: Connection] = [:]

    init(
        listener: FileDescriptor, loop: EventLoop, monitor: Monitor<Machine>, onQuit: @escaping () -> Void
    ) throws(SystemCallError) {
        self.listener = listener
        self.loop = loop
        self.monitor = monitor
        self.onQuit = onQuit
        try listener.makeNonBlocking()
        _ = try loop.add(listener, .readable) { [unowned self] _ in accept() }
    }

    /// Lets the last answers out, at the end of the process.
    func finish() {
        for connection in connections.values {
            connection.output.flush()
        }
    }

    private func accept() {
        // Where the process has no descriptors left, the connection waits for one that ends.
        guard let socket = try? listener.acceptConnection() else { return }
        let descriptor = socket.descriptor
        let output = OutputStream(descriptor, loop: loop)
        let session = MonitorSession(monitor: monitor, output: output, echoes: false, onQuit: onQuit)
        let connection = Connection(socket, output: output, session: session)
        connection.token = try? loop.add(descriptor, .readable) { [unowned self] _ in serve(descriptor) }
        guard connection.token != nil else { return }
        connections[descriptor.rawValue] = connection
        session.greet()
    }

    private func serve(_ descriptor: FileDescriptor) {
        guard let connection = connections[descriptor.rawValue] else { return }
        switch try? ByteStream.read(descriptor) {
        case .bytes(let bytes): connection.session.receive(bytes)
        case .wouldBlock: break
        case .end, nil:
            if let token = connection.token {
                loop.remove(token)
            }
            connection.output.close()
            connections[descriptor.rawValue] = nil
        }
    }
}
