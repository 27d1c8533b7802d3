import CloudHypervisor
import Host
import NIOCore
import NIOHTTP1

/// A client's connection: one request after the other, each answered before the next is looked at, so that a client has
/// never more here than one request and one response. It belongs to the NIO loop.
final class APIConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// Answers a request, at any time and on any thread.
    typealias Responder = @Sendable (APIRequest, _ reply: @escaping @Sendable (APIResponse) -> Void) -> Void

    /// The most bytes of a body.
    static let bodyLimit = 1 << 20

    private enum State {
        /// For a request, or for the rest of one.
        case waiting
        case answering(HTTPRequestHead)
        case closing
    }

    private let requestGuard: RequestGuard
    private let respond: Responder
    private var state = State.waiting
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    /// What came along with the request that is being received.
    private var descriptors: [SharedFileDescriptor] = []
    /// What came behind a request that is not answered yet: no more than one read brought.
    private var waitingParts: [HTTPServerRequestPart] = []
    /// What is wrong with what comes behind those.
    private var failure: APIFailure?
    /// Whether the client said that it sends nothing more.
    private var isInputClosed = false

    init(requestGuard: RequestGuard, respond: @escaping Responder) {
        self.requestGuard = requestGuard
        self.respond = respond
    }

    /// When it asked something, or came.
    private(set) var lastUse = NIODeadline.now()

    /// Whether nobody waits for an answer.
    var isIdle: Bool { if case .waiting = state { true } else { false } }

    func channelActive(context: ChannelHandlerContext) {
        requestGuard.onFailure = { [self] failure in fail(failure, context) }
        context.fireChannelActive()
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closing
        requestGuard.finish()
        requestGuard.onFailure = { _ in }
        descriptors = []
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        waitingParts.append(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        advance(context)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let passed = event as? SocketReader.Passed {
            descriptors += passed.descriptors
            if descriptors.count > PassingStream.maximumDescriptorCount || passed.isIncomplete {
                descriptors = []
                failure = .tooManyDescriptors
            }
            return
        }
        if event as? ChannelEvent == .inputClosed {
            isInputClosed = true
            advance(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case HTTPParserError.headerOverflow: failure = .headersTooLarge
        case is HTTPParserError: failure = .malformed
        default: return context.close(promise: nil)
        }
        advance(context)
    }

    /// Goes on as far as it can.
    private func advance(_ context: ChannelHandlerContext) {
        while isIdle, !waitingParts.isEmpty {
            take(waitingParts.removeFirst(), context)
        }
        guard isIdle else { return }
        if let failure {
            fail(failure, context)
        } else if isInputClosed {
            context.close(promise: nil)
        } else {
            context.read()
        }
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            self.head = head
            body = []
            if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }), length > Self.bodyLimit {
                fail(.tooLarge, context)
            } else if head.headers.first(name: "expect")?.lowercased() == "100-continue" {
                let response = HTTPResponseHead(version: .http1_1, status: .continue)
                context.writeAndFlush(wrapOutboundOut(.head(response)), promise: nil)
            }
        case .body(let bytes):
            guard body.count + bytes.readableBytes <= Self.bodyLimit else { return fail(.tooLarge, context) }
            body += bytes.readableBytesView
        case .end:
            guard let head else { return }
            guard descriptors.isEmpty || waitingParts.isEmpty else { return fail(.descriptorsOfSeveral, context) }
            requestGuard.finish()
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .answering(head)
        lastUse = .now()
        let request = APIRequest(
            method: head.method.rawValue, target: head.uri, body: body, descriptors: descriptors)
        self.head = nil
        body = []
        descriptors = []
        let promise = context.eventLoop.makePromise(of: APIResponse.self)
        promise.futureResult.assumeIsolated().whenSuccess { [self] response in
            guard case .answering = state else { return }
            let keepAlive = head.isKeepAlive && !head.leavesHTTP && !isInputClosed && !response.endsServer
            send(response, hasBody: head.method != .HEAD, keepAlive: keepAlive, context)
        }
        respond(request) { promise.succeed($0) }
    }

    /// Says why there will be no answer, and hangs up.
    private func fail(_ failure: APIFailure, _ context: ChannelHandlerContext) {
        guard isIdle else { return }
        requestGuard.finish()
        waitingParts = []
        send(failure.response, hasBody: true, keepAlive: false, context)
    }

    private func send(_ response: APIResponse, hasBody: Bool, keepAlive: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders()
        if let body = response.body {
            headers.add(name: "content-type", value: response.contentType)
            headers.add(name: "content-length", value: "\(body.count)")
        } else if response.status != .noContent {
            headers.add(name: "content-length", value: "0")
        }
        if let method = response.allowedMethod { headers.add(name: "allow", value: method) }
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: response.status.rawValue), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if hasBody, let body = response.body {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body)))), promise: nil)
        }
        if !keepAlive { state = .closing }
        let sent = context.eventLoop.makePromise(of: Void.self)
        sent.futureResult.assumeIsolated().whenComplete { [self] _ in
            guard case .answering = state, keepAlive else { return context.close(promise: nil) }
            state = .waiting
            advance(context)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
    }
}

extension HTTPRequestHead {
    /// Whether the client wants to speak something else behind it, which nobody here would understand.
    fileprivate var leavesHTTP: Bool { method == .CONNECT || headers.contains(name: "upgrade") }
}
