import NIOCore
import NIOHTTP1
import NIOPosix

/// The HTTP side of the server: a Unix socket, and a thread that serves its clients.
struct APIServer {
    private let group: MultiThreadedEventLoopGroup

    /// Begins to serve.
    ///
    /// - Parameters:
    ///   - listener: a listening Unix socket, which becomes the server's.
    ///   - respond: answers a request.
    /// - Throws: what NIO says.
    init(listener: CInt, respond: @escaping APIConnection.Responder) throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let limit = NIOLoopBoundBox.makeBoxSendingValue(ConnectionLimit(), eventLoop: loop)
        _ = try ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try Self.configure(channel, limit: limit.value, respond: respond)
                }
            }
            .withBoundSocket(listener)
            .wait()
    }

    private static func configure(
        _ channel: any Channel, limit: ConnectionLimit, respond: @escaping APIConnection.Responder
    ) throws {
        let requestGuard = RequestGuard()
        let connection = APIConnection(requestGuard: requestGuard, respond: respond)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(requestGuard)
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        try pipeline.addHandler(connection)
        limit.add(channel, connection)
    }

    /// Lets answers out that are on their way, and ends.
    func stop() {
        // Nothing is left to be done about what NIO could not close.
        try? group.syncShutdownGracefully()
    }
}
