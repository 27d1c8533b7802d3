import Host
import NIOCore

/// The first handler of a client's connection. It reads the socket in the place of the channel, which is there for
/// writing alone: NIO's own reads drop descriptors that come along. It belongs to the NIO loop.
final class SocketReader: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer

    /// An event: descriptors that came along with the bytes behind it.
    struct Passed {
        let descriptors: [SharedFileDescriptor]
        /// Whether there were more of them, which are lost.
        let isIncomplete: Bool
    }

    private enum State {
        case idle
        /// Somebody wants to have more.
        case wanted
        /// The same, and the watch calls when there is some.
        case waiting
        case ended
    }

    private let socket: SharedFileDescriptor
    private let watch: SocketWatch
    private var state = State.idle

    /// Bytes of one read.
    private static let limit = 1 << 16

    /// - Parameter socket: does not block, and has been duplicated for the channel.
    init(_ socket: SharedFileDescriptor, watch: SocketWatch) {
        self.socket = socket
        self.watch = watch
    }

    func read(context: ChannelHandlerContext) {
        guard case .idle = state else { return }
        state = .wanted
        // Not at once: who reads after each piece must not go deeper with each, nor keep others from their turn.
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (reader, context) = bound.value
            reader.advance(context)
        }
    }

    private func advance(_ context: ChannelHandlerContext) {
        guard case .wanted = state else { return }
        state = .idle
        guard !deliver(context) else { return }
        state = .waiting
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        watch.wait(for: socket) {
            loop.execute {
                let (reader, context) = bound.value
                guard case .waiting = reader.state else { return }
                reader.state = .wanted
                reader.advance(context)
            }
        }
    }

    /// Reads once, and passes on what that brings.
    ///
    /// - Returns: whether it brought anything, even if that is the end.
    private func deliver(_ context: ChannelHandlerContext) -> Bool {
        switch try? PassingStream.read(socket.descriptor, limit: Self.limit) {
        case .bytes(let bytes, let descriptors):
            if !descriptors.isEmpty {
                context.fireUserInboundEventTriggered(Passed(descriptors: descriptors, isIncomplete: false))
            }
            context.fireChannelRead(wrapInboundOut(ByteBuffer(bytes: bytes)))
            context.fireChannelReadComplete()
        case .tooManyDescriptors:
            context.fireUserInboundEventTriggered(Passed(descriptors: [], isIncomplete: true))
            context.fireChannelReadComplete()
        case .wouldBlock: return false
        case .end:
            state = .ended
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        case nil:
            state = .ended
            context.close(promise: nil)
        }
        return true
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The channel has no input of its own, and says so at the start.
        guard event as? ChannelEvent != .inputClosed else { return }
        context.fireUserInboundEventTriggered(event)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input { state = .ended }
        context.close(mode: mode, promise: promise)
    }

    func channelInactive(context: ChannelHandlerContext) {
        // A client that has hung up may have sent something before.
        while wantsMore, deliver(context) {}
        state = .ended
        // Whoever waits for it lets go of it now.
        PassingStream.shutDown(socket.descriptor)
        context.fireChannelInactive()
    }

    private var wantsMore: Bool {
        switch state {
        case .wanted, .waiting: true
        case .idle, .ended: false
        }
    }
}
