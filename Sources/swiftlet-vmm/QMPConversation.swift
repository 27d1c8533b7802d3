import Host
import Machine
import QMP
import QMPProtocol

/// A client of QMP at a socket. It belongs to the main loop.
final class QMPConversation: Conversation {
    private var session: QMPSession
    private let output: OutputStream
    private let onQuit: () -> Void
    private(set) var hasEnded = false
    var isIdle: Bool { !session.isReady }

    /// Bytes of events that a client may leave unread; one that leaves more is not served any longer.
    private static let patience = 1 << 20

    init(executor: QMPExecutor, output: OutputStream, onQuit: @escaping () -> Void) {
        session = QMPSession(executor: executor)
        self.output = output
        self.onQuit = onQuit
    }

    func begin() {
        output.write(QMPSession.greeting)
    }

    func receive(_ bytes: [UInt8]) {
        for action in session.receive(bytes) {
            switch action {
            case .send(let bytes): output.write(bytes)
            case .close: hasEnded = true
            case .quit: onQuit()
            }
        }
    }

    /// Tells the client of an event, once it has negotiated.
    func tell(_ event: QMPEvent) {
        guard session.isReady else { return }
        output.write(QMPSession.line(event))
        hasEnded = hasEnded || output.waitingCount > Self.patience
    }
}
