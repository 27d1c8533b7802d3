import Devices
import Host

/// A program at a Unix socket. It belongs to the event loop's thread.
final class VsockPeer {
    enum Role {
        /// It is yet to say which port of the guest it wants. With a number that no other has.
        case newcomer(UInt64)
        case connection(VsockID)
    }

    let socket: VsockSocket
    var token: EventLoop.Token?
    var role: Role

    init(_ socket: VsockSocket, _ role: Role) {
        self.socket = socket
        self.role = role
    }
}
