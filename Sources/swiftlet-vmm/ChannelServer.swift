import Host
import SystemPackage

/// The guest's serial port or virtio console at a Unix socket: every client sees its output, what came shortly before included, and types
/// for it. While nobody is there, output goes on. It belongs to the main loop.
final class ChannelServer {
    /// A client.
    final class Session: Conversation {
        private let output: OutputStream
        private unowned let owner: ChannelServer
        private(set) var hasEnded = false

        /// Bytes that a client may leave unread; one that leaves more is not served any longer: the guest would have to
        /// wait for it.
        private static let patience = 1 << 20

        fileprivate init(output: OutputStream, owner: ChannelServer) {
            self.output = output
            self.owner = owner
        }

        var takesNoMore: Bool { owner.guestInput.isCongested }

        func begin() { output.write(owner.history) }

        func receive(_ bytes: [UInt8]) { owner.guestInput.write(bytes) }

        fileprivate func show(_ bytes: [UInt8]) {
            output.write(bytes)
            hasEnded = output.waitingCount > Self.patience
        }
    }

    private let guest: FileDescriptor
    private let guestInput: OutputStream
    private var server: SocketServer?
    /// The last of what the guest wrote.
    private var history: [UInt8] = []

    /// Bytes of output that a client sees of the time before it came.
    private static let historySize = 1 << 16
    private static let clientLimit = 16

    /// - Parameter guest: our end of the channel to the guest.
    init(guest: FileDescriptor, listener: FileDescriptor, loop: EventLoop) throws(SystemCallError) {
        self.guest = guest
        guestInput = OutputStream(guest, loop: loop)
        server = try SocketServer(listener: listener, loop: loop, limit: Self.clientLimit) { [unowned self] output in
            Session(output: output, owner: self)
        }
        guestInput.onRoom = { [unowned self] in server?.goOnReading() }
        _ = try loop.add(guest, .readable) { [unowned self] _ in passOutput() }
    }

    /// Shows what the machine still had to say, at the end of the process.
    func finish() {
        while passOutput() {}
        server?.finish()
    }

    /// - Returns: false where there is none.
    @discardableResult private func passOutput() -> Bool {
        guard case .bytes(let bytes) = try? ByteStream.read(guest) else { return false }
        history += bytes
        // Not at each read: what is thrown away is moved.
        if history.count > 2 * Self.historySize {
            history.removeFirst(history.count - Self.historySize)
        }
        for case let session as Session in server?.talks ?? [] { session.show(bytes) }
        server?.closeEnded()
        return true
    }
}
