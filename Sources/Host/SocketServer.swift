import SystemPackage

/// A Unix socket with several clients at a time. It belongs to the thread of its loop.
///
/// No client keeps others from theirs: one that sends much has a turn like them, one that does not read its answers is not
/// asked for more, and one that says nothing leaves when there is no room for others.
public final class SocketServer {
    private final class Connection {
        let socket: OwnedFileDescriptor
        let output: OutputStream
        let talk: any Conversation
        var token: EventLoop.Token?
        /// Read, but not taken yet.
        var input: ArraySlice<UInt8> = []
        /// Whether the client sends no more. It is still given the answers to what it sent.
        var isInputAtEnd = false
        let begin = MonotonicInstant.now()

        init(_ socket: consuming OwnedFileDescriptor, output: OutputStream, talk: any Conversation) {
            self.socket = socket
            self.output = output
            self.talk = talk
        }

        /// Whether more of what the client says may be taken.
        var takesMore: Bool { !output.isCongested && !talk.takesNoMore && !talk.hasEnded }
    }

    private let listener: FileDescriptor
    private let loop: EventLoop
    private let limit: Int
    private let silence: UInt64
    /// Milliseconds until somebody is let in again where that failed.
    private static let pause: UInt64 = 100
    private let makeTalk: (OutputStream) -> any Conversation
    private var listenerToken: EventLoop.Token?
    /// Few, the oldest first, and looked for by their descriptors.
    private var connections: [Connection] = []

    /// Milliseconds that a reader of the last answers is waited for.
    private static let patience: UInt64 = 200
    /// Bytes of a client that are read in its turn, and bytes that it is sure to be given the answers to: not many commands
    /// are shorter than that.
    private static let turn = 1024
    private static let piece = 32

    /// - Parameters:
    ///   - limit: connections at a time; more wait until one ends.
    ///   - silence: milliseconds in which a client has to say something, if others wait.
    ///   - makeTalk: makes a conversation that writes to a stream.
    public init(
        listener: FileDescriptor, loop: EventLoop, limit: Int, silence: UInt64 = 1_000,
        makeTalk: @escaping (OutputStream) -> any Conversation
    ) throws(SystemCallError) {
        self.listener = listener
        self.loop = loop
        self.limit = limit
        self.silence = silence
        self.makeTalk = makeTalk
        try listener.makeNonBlocking()
        try listen()
    }

    /// The conversations that there are. Those that end by what is done with them are closed by `closeEnded()`.
    public var talks: [any Conversation] { connections.map(\.talk) }

    public func closeEnded() {
        for connection in connections where connection.talk.hasEnded {
            close(connection.socket.descriptor)
        }
    }

    /// Goes on where a conversation did not take more.
    public func goOnReading() {
        for connection in connections where connection.takesMore {
            goOn(connection)
        }
    }

    /// Lets the last answers out, at the end of the process.
    public func finish() {
        for connection in connections {
            connection.output.flush(patience: Self.patience)
        }
    }

    // MARK: Clients come and go

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
        guard connections.count < limit || makeRoom() else { return waitForRoom() }
        do throws(SystemCallError) {
            try open(listener.acceptConnection())
        } catch {
            guard error.errno != .wouldBlock else { return }
            // Without descriptors to spare, nobody is let in for a while.
            stopListening()
            loop.schedule(afterMilliseconds: Self.pause) { [weak self] in try? self?.listen() }
        }
    }

    /// Hangs up on the client that has said nothing for the longest time, if there is one.
    private func makeRoom() -> Bool {
        let now = MonotonicInstant.now()
        let silent = connections.first { $0.talk.isIdle && $0.begin.advanced(byMilliseconds: silence) <= now }
        if let silent { close(silent.socket.descriptor) }
        return silent != nil
    }

    /// Lets nobody in before somebody has left, or has had time to say something.
    private func waitForRoom() {
        stopListening()
        guard connections.contains(where: \.talk.isIdle) else { return }
        loop.schedule(afterMilliseconds: silence) { [weak self] in try? self?.listen() }
    }

    private func open(_ socket: consuming OwnedFileDescriptor) throws(SystemCallError) {
        let descriptor = socket.descriptor
        let output = OutputStream(descriptor, loop: loop)
        output.onRoom = { [unowned self] in
            if let connection = self.connection(at: descriptor) { goOn(connection) }
        }
        output.onDrained = { [unowned self] in
            if let connection = self.connection(at: descriptor) { closeIfDone(connection) }
        }
        output.onClose = { [unowned self, weak output] in
            // Its descriptor may be somebody else's by now.
            if let output, self.connection(at: descriptor)?.output === output { close(descriptor) }
        }
        let talk = makeTalk(output)
        let connection = Connection(socket, output: output, talk: talk)
        connections.append(connection)
        do throws(SystemCallError) {
            try read(connection)
        } catch {
            close(descriptor)
            throw error
        }
        talk.begin()
    }

    private func connection(at descriptor: FileDescriptor) -> Connection? {
        connections.first { $0.socket.descriptor == descriptor }
    }

    private func close(_ descriptor: FileDescriptor) {
        guard let index = connections.firstIndex(where: { $0.socket.descriptor == descriptor }) else { return }
        let connection = connections.remove(at: index)
        stopReading(connection)
        connection.output.close()
        try? listen()
    }

    // MARK: What clients say

    private func read(_ connection: Connection) throws(SystemCallError) {
        guard connection.token == nil, !connection.isInputAtEnd else { return }
        let descriptor = connection.socket.descriptor
        connection.token = try loop.add(descriptor, .readable) { [unowned self] _ in
            if let connection = self.connection(at: descriptor) { serve(connection) }
        }
    }

    private func stopReading(_ connection: Connection) {
        if let token = connection.token {
            loop.remove(token)
        }
        connection.token = nil
    }

    private func serve(_ connection: Connection) {
        switch try? ByteStream.read(connection.socket.descriptor, limit: Self.turn) {
        case .bytes(let bytes):
            connection.input += bytes
            goOn(connection)
        case .wouldBlock: break
        case .end:
            connection.isInputAtEnd = true
            stopReading(connection)
            closeIfDone(connection)
        case nil: close(connection.socket.descriptor)
        }
    }

    /// Takes what was read, as far as there is room for answers; then reads on.
    private func goOn(_ connection: Connection) {
        while !connection.input.isEmpty, connection.takesMore {
            let piece = connection.input.prefix(Self.piece)
            connection.input = connection.input.dropFirst(piece.count)
            connection.talk.receive(Array(piece))
        }
        if connection.talk.hasEnded {
            // What it was told last is worth a moment.
            connection.output.flush(patience: 0)
            close(connection.socket.descriptor)
        } else if !connection.takesMore {
            // Who does not read its answers is not asked for more commands.
            stopReading(connection)
        } else {
            try? read(connection)
            closeIfDone(connection)
        }
    }

    /// Closes the connection of a client that sends no more and has been given everything.
    private func closeIfDone(_ connection: Connection) {
        guard connection.isInputAtEnd, connection.input.isEmpty, connection.output.waitingCount == 0 else { return }
        close(connection.socket.descriptor)
    }
}
