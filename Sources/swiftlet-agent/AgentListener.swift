import GuestSystem
import Host
import SystemPackage

/// Where clients connect.
struct AgentListener {
    private let socket: OwnedDescriptor
    private let takesHostAlone: Bool

    init(_ address: AgentOptions.Address) throws(SystemCallError) {
        switch address {
        case .vsock(let port):
            socket = OwnedDescriptor(try VsockListener.listen(port: port))
            takesHostAlone = true
        case .unix(let path):
            socket = OwnedDescriptor(try UnixSocket.listen(replacingLeftoverAt: FilePath(path)))
            try socket.descriptor.makeNonBlocking()
            takesHostAlone = false
        }
    }

    var descriptor: FileDescriptor { socket.descriptor }

    /// The next connection; nil where there is none, or one that is not let in.
    ///
    /// - Throws: `SystemCallError` (EAGAIN where there is none, EMFILE).
    func accept() throws(SystemCallError) -> OwnedDescriptor? {
        let connection = OwnedDescriptor(try socket.descriptor.acceptConnection())
        return !takesHostAlone || VsockListener.comesFromHost(connection.descriptor) ? connection : nil
    }
}
