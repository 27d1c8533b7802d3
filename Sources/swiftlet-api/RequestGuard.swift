import NIOCore

/// Stands in front of the HTTP decoder of a connection and counts: a request that takes too many bytes, or too long from
/// its first byte to its last, is not waited for.
final class RequestGuard: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// The most bytes of a request, headers and all: more than a body may have.
    static let limit = APIConnection.bodyLimit + (256 << 10)
    private static let patience = TimeAmount.seconds(10)

    /// Called once there is no hope for the request.
    var onFailure: (APIFailure) -> Void = { _ in }
    private var count = 0
    private var timer: Scheduled<Void>?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        count += unwrapInboundIn(data).readableBytes
        guard count <= Self.limit else { return onFailure(.tooLarge) }
        if timer == nil {
            timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { [self] in
                timer = nil
                onFailure(.tooSlow)
            }
        }
        context.fireChannelRead(data)
    }

    /// To be called when a request is complete, or nobody waits for one any more.
    func finish() {
        count = 0
        timer?.cancel()
        timer = nil
    }

    func handlerRemoved(context: ChannelHandlerContext) { finish() }
}
