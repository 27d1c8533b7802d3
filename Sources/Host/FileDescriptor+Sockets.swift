import CLinux
import SystemPackage

/// What is done with a connected stream socket, without waiting for it.
extension FileDescriptor {
    /// Sends bytes (`send(2)`).
    ///
    /// - Returns: how many were taken, or a negated errno.
    public func send(_ bytes: RawSpan) -> Int {
        unsafe bytes.withUnsafeBytes { unsafe cl_send(rawValue, $0.baseAddress, $0.count) }
    }

    /// Looks at the first bytes that were received, which stay there (`recv(2)`).
    ///
    /// - Returns: nil where there are none now; none at the end.
    public func peek(limit: Int) throws(SystemCallError) -> [UInt8]? {
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            count = unsafe cl_peek(rawValue, buffer.baseAddress, limit)
            filled = max(count, 0)
        }
        if count == -Int(EAGAIN) { return nil }
        guard count >= 0 else { throw SystemCallError("recv", Errno(rawValue: CInt(-count))) }
        return bytes
    }

    /// Ends one direction of a connection, or both (`shutdown(2)`). Nothing happens to one whose peer is gone.
    public func shutDown(receiving: Bool, sending: Bool) {
        _ = cl_shut_down(rawValue, receiving ? 1 : 0, sending ? 1 : 0)
    }
}
