import CLinux
import SystemPackage

/// Bytes between guest memory and a connected stream socket, without waiting for it. As many as one system call takes.
extension GuestVectors {
    /// Receives into the pieces (`recvmsg(2)`).
    ///
    /// - Returns: how many bytes, 0 at the end, or a negated errno: EFAULT where nothing could be received because the
    ///   memory is not accessible.
    public func receive(from socket: FileDescriptor) -> Int {
        let pieces = unsafe pieces
        return unsafe cl_receive_vectors(socket.rawValue, pieces.baseAddress, pieces.count)
    }

    /// Sends what is in the pieces (`sendmsg(2)`).
    ///
    /// - Returns: how many bytes, or a negated errno: EFAULT as with `receive(from:)`.
    public func send(to socket: FileDescriptor) -> Int {
        let pieces = unsafe pieces
        return unsafe cl_send_vectors(socket.rawValue, pieces.baseAddress, pieces.count)
    }
}
