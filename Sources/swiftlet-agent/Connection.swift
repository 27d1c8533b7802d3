import AgentProtocol
import Host
import SystemPackage

/// A client's connection, on the agent's loop. Memory for what it does not read is bounded: whoever sends looks at
/// `isCongested` before.
final class Connection {
    private let socket: OwnedDescriptor
    private let loop: EventLoop
    private var token: EventLoop.Token?
    /// What has been read, and not been made frames of.
    private(set) var parser = FrameParser()
    private var output: [UInt8] = []
    private var sentCount = 0
    private var waitsForRoom = false
    private var wasCongested = false
    private var isClosing = false
    private var isClosed = false

    /// Called with each frame.
    var onFrame: (Frame) -> Void = { _ in }
    /// Called for what is no frame; nothing is read after it.
    var onMistake: (ProtocolError) -> Void = { _ in }
    /// Called when the client is gone. The connection is closed then.
    var onEnd: () -> Void = {}
    /// Called when there is room again after it was congested.
    var onRoom: () -> Void = {}

    /// Bytes behind which nothing more should be sent.
    private static let limit = 2 * AgentProtocol.maximumData

    init(_ socket: OwnedDescriptor, loop: EventLoop) {
        self.socket = socket
        self.loop = loop
    }

    deinit {
        close()
    }

    var descriptor: FileDescriptor { socket.descriptor }

    func start() throws(SystemCallError) {
        token = try loop.add(socket.descriptor, .readable) { [unowned self] readiness in
            // A handler may be all that refers to it.
            withExtendedLifetime(self) { become(readiness) }
        }
    }

    /// Forgets the client.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let token {
            loop.remove(token)
        }
        token = nil
        output = []
        socket.close()
    }

    private func end() {
        guard !isClosed else { return }
        close()
        onEnd()
    }

    private func become(_ readiness: EventLoop.Readiness) {
        if readiness.contains(.writable) {
            flush()
        }
        if !isClosed, !readiness.isDisjoint(with: [.readable, .closed]) {
            read()
        }
    }

    // MARK: Reading

    private func read() {
        switch try? ByteStream.read(socket.descriptor, limit: AgentProtocol.maximumData) {
        case .bytes(let bytes):
            parser.append(bytes)
            parse()
        case .wouldBlock: break
        case .end, nil: end()
        }
    }

    private func parse() {
        do throws(ProtocolError) {
            while !isClosed, !isClosing, let frame = try parser.next() {
                onFrame(frame)
            }
            // What comes after the last answer is of no interest.
            if isClosing {
                parser = FrameParser()
            }
        } catch {
            onMistake(error)
        }
    }

    // MARK: Writing

    var isCongested: Bool { output.count - sentCount >= Self.limit }

    /// Sends a frame, now or later.
    func send(_ frame: Frame) {
        send(frame.type, frame.payload)
    }

    func send(_ type: FrameType, _ payload: [UInt8]) {
        guard !isClosed else { return }
        output += Frame.header(type, count: payload.count)
        output += payload
        if !waitsForRoom {
            flush()
        }
        wasCongested = wasCongested || isCongested
    }

    /// Sends nothing more, which the client is told when all is on its way. It is the client that closes the connection:
    /// what is on its way to a slow one would be lost else.
    func closeWhenSent() {
        isClosing = true
        guard !isClosed, output.isEmpty else { return }
        endSending()
    }

    private func endSending() {
        socket.descriptor.shutDown(receiving: false, sending: true)
    }

    private func flush() {
        while sentCount < output.count {
            do throws(SystemCallError) {
                let count = try ByteStream.write(socket.descriptor, output[sentCount...])
                guard count > 0 else { return waitForRoom() }
                sentCount += count
            } catch {
                // The handler that sends goes on with this connection; its end is told later.
                output = []
                sentCount = 0
                loop.schedule(afterMilliseconds: 0) { [weak self] in self?.end() }
                return
            }
        }
        output.removeAll(keepingCapacity: output.capacity <= 2 * Self.limit)
        sentCount = 0
        wait(for: .readable, writes: false)
        if isClosing { return endSending() }
        reportRoom()
    }

    private func waitForRoom() {
        if sentCount >= Self.limit {
            output.removeSubrange(..<sentCount)
            sentCount = 0
        }
        wait(for: [.readable, .writable], writes: true)
        reportRoom()
    }

    private func reportRoom() {
        guard wasCongested, !isCongested else { return }
        wasCongested = false
        onRoom()
    }

    private func wait(for interest: EventLoop.Readiness, writes: Bool) {
        guard writes != waitsForRoom, let token else { return }
        waitsForRoom = writes
        try? loop.modify(token, interest)
    }
}
