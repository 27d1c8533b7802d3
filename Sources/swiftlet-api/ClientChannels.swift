import Host
import NIOCore
import NIOHTTP1
import NIOPosix

/// Makes a channel of each connection. It belongs to the NIO loop.
final class ClientChannels {
    private let respond: APIConnection.Responder
    private let limit = ConnectionLimit()

    init(respond: @escaping APIConnection.Responder) {
        self.respond = respond
    }

    /// Serves a client; one that there is no descriptor for finds its connection closed.
    func add(_ socket: SharedFileDescriptor, watch: SocketWatch, loop: any NIOCore.EventLoop) {
        guard let output = try? OwnedFileDescriptor(duplicating: socket.descriptor) else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        let number = output.release()
        NIOPipeBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.configure(channel, socket, watch) }
            }
            .takingOwnershipOfDescriptor(output: number.rawValue)
            .whenFailure { _ in try? number.close() }
    }

    private func configure(_ channel: any Channel, _ socket: SharedFileDescriptor, _ watch: SocketWatch) throws {
        let requestGuard = RequestGuard()
        let connection = APIConnection(requestGuard: requestGuard, respond: respond)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(SocketReader(socket, watch: watch))
        try pipeline.addHandler(requestGuard)
        try pipeline.addHandler(HTTPResponseEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        try pipeline.addHandler(connection)
        limit.add(channel, connection)
    }
}
