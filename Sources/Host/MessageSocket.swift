import CLinux
import SystemPackage

/// A connection to another process over which messages go that carry descriptors (`unix(7)`, SCM_RIGHTS). No call waits
/// longer than it is told.
public final class MessageSocket: Sendable {
    private let owned: OwnedFileDescriptor

    /// To wait for; valid as long as this object lives.
    public var descriptor: FileDescriptor { owned.descriptor }

    /// Descriptors that a message carries at most.
    public static let maximumDescriptorCount = Int(CL_MESSAGE_DESCRIPTORS)

    /// What became of a message.
    public enum Failure: Error, Sendable, Equatable {
        /// Nobody is at the other end any more.
        case ended
        case timeout
        case call(SystemCallError)
    }

    /// What there is to read.
    public enum Arrival: Sendable, Equatable {
        case nothing
        case bytes
        case end
    }

    /// Takes over a connected stream socket.
    public init(_ socket: consuming OwnedFileDescriptor) {
        owned = socket
    }

    /// Connects to whoever listens at a path.
    ///
    /// - Throws: `SystemCallError`: ENOENT, ECONNREFUSED where nobody listens any more, EAGAIN where too many wait.
    public convenience init(connectingTo path: FilePath) throws(SystemCallError) {
        self.init(try UnixSocket.connectAtOnce(to: path))
    }

    /// Sends bytes, and descriptors with the first of them. Nothing is known of what arrived where it fails.
    public func send(
        _ bytes: [UInt8], _ descriptors: [FileDescriptor], until deadline: MonotonicInstant
    ) throws(Failure) {
        var numbers = descriptors.map(\.rawValue)
        var done = 0
        while done < bytes.count {
            let result = unsafe bytes.withUnsafeBytes { buffer in
                unsafe numbers.withUnsafeBufferPointer { numbers in
                    guard let start = buffer.baseAddress else { return 0 }
                    return unsafe cl_send_message(
                        owned.rawValue, start + done, buffer.count - done, numbers.baseAddress,
                        CInt(numbers.count))
                }
            }
            switch CInt(clamping: -result) {
            case EAGAIN: try wait(until: deadline) { cl_wait_writable(owned.rawValue, $0) }
            case EINTR: break
            case EPIPE, ECONNRESET: throw .ended
            case 1...: throw .call(SystemCallError("sendmsg", Errno(rawValue: CInt(clamping: -result))))
            default:
                done += result
                numbers = []
            }
        }
    }

    /// Receives so many bytes. Descriptors that come along are closed.
    public func receive(_ count: Int, until deadline: MonotonicInstant) throws(Failure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let result = unsafe bytes.withUnsafeMutableBytes { buffer in
                guard let start = buffer.baseAddress else { return 0 }
                return unsafe cl_receive_message(owned.rawValue, start + done, count - done, false)
            }
            switch CInt(clamping: -result) {
            case EAGAIN: try wait(until: deadline) { cl_wait_readable_within(owned.rawValue, $0) }
            case EINTR: break
            case 0, ECONNRESET: throw .ended
            case 1...: throw .call(SystemCallError("recv", Errno(rawValue: CInt(clamping: -result))))
            default: done += result
            }
        }
        return bytes
    }

    /// What there is to read, which stays there.
    public var arrival: Arrival {
        var byte: UInt8 = 0
        let result = unsafe cl_receive_message(owned.rawValue, &byte, 1, true)
        return result > 0 ? .bytes : result == -Int(EAGAIN) || result == -Int(EINTR) ? .nothing : .end
    }

    /// Ends the connection for both sides; the descriptor stays open, and is readable from now on.
    public func end() {
        cl_end_connection(owned.rawValue)
    }

    private func wait(until deadline: MonotonicInstant, _ poll: (CInt) -> CInt) throws(Failure) {
        let rest = MonotonicInstant.now().milliseconds(until: deadline)
        guard rest > 0 else { throw .timeout }
        // Signals end it early: the loop around looks again.
        _ = poll(CInt(clamping: rest))
    }
}
