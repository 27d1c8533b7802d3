import Host
import SystemPackage

/// What a server has with one of its clients: bytes in, and bytes out by a stream that it was made with.
protocol Conversation: AnyObject {
    /// Whether it is over, by the server's own will.
    var hasEnded: Bool { get }
    /// Whether what its client sends has to wait, until the server is told to go on reading.
    var takesNoMore: Bool { get }
    func begin()
    func receive(_ bytes: [UInt8])
}

extension Conversation {
    var takesNoMore: Bool { false }
}

/// A Unix socket with several clients at a time. It belongs to the main loop.
final class SocketServer<Talk: Conversation> {
    private final class Connection {
        let socket: OwnedFileDescriptor
        let output: OutputStream
        let talk: Talk
        var token: EventLoop.Token?

        init(_ socket: consuming OwnedFileDescriptor, output: OutputStream, talk: Talk) {
            self.socket = socket
            self.output = output
            self.talk = talk
        }
    }

    private let listener: FileDescriptor
    private let loop: EventLoop
    private let limit: Int
    private let makeTalk: (OutputStream) -> Talk
    private var listenerToken: EventLoop.Token?
    /// Few, and looked for by their descriptors.
    private var connections: [Connection] = []

    /// Milliseconds that a reader of the last answers is waited for.
    private static var patience: UInt64 { 200 }

    /// - Parameters:
    ///   - limit: connections at a time; more wait until one ends.
    ///   - makeTalk: makes a conversation that writes to a stream.
    init(
        listener: FileDescriptor, loop: EventLoop, limit: Int, makeTalk: @escaping (OutputStream) -> Talk
    ) throws(SystemCallError) {
        self.listener = listener
        self.loop = loop
        self.limit = limit
        self.makeTalk = makeTalk
        try listener.makeNonBlocking()
        try listen()
    }

    /// Does something with each conversation; those that end by it are closed.
    func forEach(_ body: (Talk) -> Void) {
        for connection in connections {
            body(connection.talk)
            if connection.talk.hasEnded {
                close(connection.socket.descriptor)
            }
        }
    }

    /// Reads on where a conversation did not take more.
    func goOnReading() {
        for connection in connections where !connection.output.isCongested {
            try? wait(for: connection.socket.descriptor)
        }
    }

    /// Lets the last answers out, at the end of the process.
    func finish() {
        for connection in connections {
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
        if connections.count >= limit {
            stopListening()
        }
    }

    private func open(_ socket: consuming OwnedFileDescriptor) throws(SystemCallError) {
        let descriptor = socket.descriptor
        let output = OutputStream(descriptor, loop: loop)
        output.onRoom = { [unowned self] in try? wait(for: descriptor) }
        output.onClose = { [unowned self, weak output] in
            // Its descriptor may be somebody else's by now.
            if let output, connection(at: descriptor)?.output === output { close(descriptor) }
        }
        let talk = makeTalk(output)
        connections.append(Connection(socket, output: output, talk: talk))
        do throws(SystemCallError) {
            try wait(for: descriptor)
        } catch {
            close(descriptor)
            throw error
        }
        talk.begin()
    }

    private func connection(at descriptor: FileDescriptor) -> Connection? {
        connections.first { $0.socket.descriptor == descriptor }
    }

    private func wait(for descriptor: FileDescriptor) throws(SystemCallError) {
        guard let connection = connection(at: descriptor), connection.token == nil else { return }
        connection.token = try loop.add(descriptor, .readable) { [unowned self] _ in serve(descriptor) }
    }

    private func serve(_ descriptor: FileDescriptor) {
        guard let connection = connection(at: descriptor) else { return }
        switch try? ByteStream.read(descriptor) {
        case .bytes(let bytes):
            connection.talk.receive(bytes)
            if connection.talk.hasEnded {
                // What it was told last is worth a moment.
                connection.output.flush(patience: 0)
                close(descriptor)
            } else if connection.output.isCongested || connection.talk.takesNoMore, let token = connection.token {
                // Who does not read its answers is not asked for more commands.
                loop.remove(token)
                connection.token = nil
            }
        case .wouldBlock: break
        case .end, nil: close(descriptor)
        }
    }

    private func close(_ descriptor: FileDescriptor) {
        guard let index = connections.firstIndex(where: { $0.socket.descriptor == descriptor }) else { return }
        let connection = connections.remove(at: index)
        if let token = connection.token {
            loop.remove(token)
        }
        connection.output.close()
        try? listen()
    }
}
