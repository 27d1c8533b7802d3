import Host
import NIOCore
import NIOHTTP1
import NIOPosix

/// The HTTP side of the server: a Unix socket, a thread that serves its clients, and one that waits for them.
struct APIServer {
    private let group: MultiThreadedEventLoopGroup
    private let watch: SocketWatch

    /// Begins to serve.
    ///
    /// - Parameters:
    ///   - listener: a listening Unix socket, which becomes the server's.
    ///   - respond: answers a request.
    /// - Throws: what the host refuses.
    init(listener: consuming OwnedFileDescriptor, respond: @escaping APIConnection.Responder) throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let clients = NIOLoopBoundBox.makeBoxSendingValue(ClientChannels(respond: respond), eventLoop: loop)
        let started = loop.makePromise(of: SocketWatch.self)
        watch = try SocketWatch(listener: listener) { socket in
            // The watch is told to its clients by itself, once it is there.
            started.futureResult.whenSuccess { clients.value.add(socket, watch: $0, loop: loop) }
        }
        started.succeed(watch)
    }

    /// Lets answers out that are on their way, and ends.
    func stop() {
        watch.stop()
        // Nothing is left to be done about what NIO could not close.
        try? group.syncShutdownGracefully()
    }
}
