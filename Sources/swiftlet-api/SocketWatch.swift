import Host

/// A thread that waits for clients, and for what they send.
///
/// NIO waits for its channels by itself, but then reads them, too, and without the descriptors that come along; so their
/// readers wait here, and read when they are called.
final class SocketWatch: Sendable {
    private enum Message: Sendable {
        case wait(SharedFileDescriptor, ready: @Sendable () -> Void)
        case stop
    }

    private let messages: Mailbox<Message>
    private let thread: Thread

    /// Milliseconds until the next client is let in where the process had no descriptors to spare.
    private static let pause: UInt64 = 100

    /// - Parameters:
    ///   - listener: a Unix socket, which becomes the watch's.
    ///   - onConnection: called for each client, on the watch's thread, with its connection, which does not block.
    /// - Throws: `SystemCallError` (EMFILE, ENOMEM).
    init(
        listener: consuming OwnedFileDescriptor, onConnection: @escaping @Sendable (SharedFileDescriptor) -> Void
    ) throws(SystemCallError) {
        messages = try Mailbox()
        let listener = SharedFileDescriptor(listener)
        try listener.descriptor.makeNonBlocking()
        let loop = try EventLoop()
        try Self.accept(from: listener, loop, onConnection)
        try messages.attach(to: loop) { message in
            switch message {
            case .wait(let socket, let ready): Self.wait(for: socket, loop, ready)
            case .stop: loop.stop()
            }
        }
        thread = try Thread(name: "clients") { try? loop.run() }
    }

    /// Calls somebody once when a socket has something to read, or has ended; on the watch's thread.
    func wait(for socket: SharedFileDescriptor, ready: @escaping @Sendable () -> Void) {
        messages.send(.wait(socket, ready: ready))
    }

    /// Lets nobody in any more. To be called once.
    func stop() {
        messages.send(.stop)
        thread.join()
    }

    private static func wait(for socket: SharedFileDescriptor, _ loop: EventLoop, _ ready: @escaping () -> Void) {
        var token: EventLoop.Token?
        // Whoever can't be waited for finds out by reading.
        token = try? loop.add(socket.descriptor, .readable) { _ in
            token.map(loop.remove)
            // It is not closed before it is removed.
            extendLifetime(socket)
            ready()
        }
        if token == nil { ready() }
    }

    private static func accept(
        from listener: SharedFileDescriptor, _ loop: EventLoop,
        _ onConnection: @escaping (SharedFileDescriptor) -> Void
    ) throws(SystemCallError) {
        var token: EventLoop.Token?
        token = try loop.add(listener.descriptor, .readable) { _ in
            do throws(SystemCallError) {
                onConnection(SharedFileDescriptor(try listener.descriptor.acceptConnection()))
            } catch {
                guard error.errno != .wouldBlock else { return }
                token.map(loop.remove)
                loop.schedule(afterMilliseconds: pause) { try? accept(from: listener, loop, onConnection) }
            }
        }
    }
}
