import AgentProtocol
import Host
import SystemPackage

/// Standard input, for a command in a guest: as much as the agent has granted.
final class ExecInputReader {
    private let loop: EventLoop
    private let sending: OutputStream
    private let file: OwnedFileDescriptor
    private var token: EventLoop.Token?
    /// For files, which are always ready and can't be waited for.
    private var turn: EventLoop.Token?
    private var window = AgentProtocol.inputWindow
    private var isAtEnd = false

    init(loop: EventLoop, sending: OutputStream) throws(SystemCallError) {
        self.loop = loop
        self.sending = sending
        file = try FileDescriptor.standardInput.reopenedWithoutBlocking(.readOnly)
    }

    /// The agent takes more.
    ///
    /// - Throws: `ProtocolError` where it grants what was never sent.
    func grant(_ count: UInt32) throws(ProtocolError) {
        guard Int(count) <= AgentProtocol.inputWindow - window else { throw .exceededWindow }
        window += Int(count)
        resume()
    }

    /// Goes on reading, if that makes sense now.
    func resume() {
        guard !isAtEnd, window > 0, !sending.isCongested, token == nil, turn == nil else { return }
        token = try? loop.add(file.descriptor, .readable) { [unowned self] _ in read() }
        if token == nil {
            turn = loop.schedule(afterMilliseconds: 0) { [unowned self] in
                turn = nil
                read()
                resume()
            }
        }
    }

    private func stop() {
        token.map(loop.remove)
        token = nil
    }

    private func read() {
        switch try? ByteStream.read(file.descriptor, limit: min(window, AgentProtocol.maximumData)) {
        case .bytes(let bytes):
            window -= bytes.count
            sending.write(Frame(.input, bytes).bytes)
            if window == 0 || sending.isCongested { stop() }
        case .wouldBlock: break
        case .end, nil:
            isAtEnd = true
            stop()
            sending.write(Frame(.inputEnd).bytes)
        }
    }
}
