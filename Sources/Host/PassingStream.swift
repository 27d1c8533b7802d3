import CLinux
import SystemPackage

/// Reads of a Unix stream socket whose peer may pass descriptors along (`unix(7)`, SCM_RIGHTS).
public enum PassingStream {
    /// What a read brought.
    public enum ReadResult: Sendable {
        /// Bytes, with the descriptors that came before the last of them.
        case bytes([UInt8], [SharedFileDescriptor])
        /// Bytes with more descriptors than can be taken at once: all of them are closed.
        case tooManyDescriptors
        /// Nothing now.
        case wouldBlock
        /// The peer sends nothing more.
        case end
    }

    /// The most descriptors that are taken at once.
    public static let maximumDescriptorCount = Int(CL_PASSED_DESCRIPTORS)

    /// Reads at most `limit` bytes, without waiting.
    ///
    /// - Throws: `SystemCallError` for any failure but EAGAIN and ECONNRESET.
    public static func read(_ socket: FileDescriptor, limit: Int) throws(SystemCallError) -> ReadResult {
        var numbers = [CInt](repeating: -1, count: maximumDescriptorCount)
        var descriptorCount: CInt = 0
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            count = unsafe cl_receive(socket.rawValue, buffer.baseAddress, limit, &numbers, &descriptorCount)
            filled = max(count, 0)
        }
        switch count {
        case 1...: break
        case 0, -Int(ECONNRESET): return .end
        case -Int(EAGAIN): return .wouldBlock
        default: throw SystemCallError("recvmsg", Errno(rawValue: CInt(-count)))
        }
        guard descriptorCount >= 0 else { return .tooManyDescriptors }
        return .bytes(
            bytes,
            numbers.prefix(Int(descriptorCount)).map {
                SharedFileDescriptor(OwnedFileDescriptor(FileDescriptor(rawValue: $0)))
            })
    }

    /// Ends a connection for both sides (`shutdown(2)`): who waits for the socket is woken.
    public static func shutDown(_ socket: FileDescriptor) {
        _ = shutdown(socket.rawValue, CInt(SHUT_RDWR))
    }
}
