import CLinux
import SystemPackage

/// Reads and writes of a descriptor that does not block, with the cases that a caller tells apart.
public enum ByteStream {
    /// What a read brought.
    public enum ReadResult: Sendable, Equatable {
        case bytes([UInt8])
        /// Nothing now.
        case wouldBlock
        /// The peer is gone, or the end of the file is reached.
        case end
    }

    /// Reads at most `limit` bytes.
    ///
    /// - Throws: `SystemCallError` for any failure but EAGAIN, EINTR, and those by which a peer ends (EIO of a
    ///   terminal, ECONNRESET).
    public static func read(_ descriptor: FileDescriptor, limit: Int = 4096) throws(SystemCallError) -> ReadResult {
        let (bytes, count) = readOnce(descriptor, limit: limit)
        switch count {
        case 1...: return .bytes(bytes)
        case 0, -Int(EIO), -Int(ECONNRESET): return .end
        case -Int(EAGAIN), -Int(EINTR): return .wouldBlock
        default: throw SystemCallError("read", Errno(rawValue: CInt(-count)))
        }
    }

    /// Reads at most `limit` bytes of a file, or of what a pipe's writers have to say, and waits for them; none at the end.
    ///
    /// - Throws: `SystemCallError`, also for a disk that fails (EIO), which is no end.
    public static func readPiece(_ descriptor: FileDescriptor, limit: Int) throws(SystemCallError) -> [UInt8] {
        while true {
            let (bytes, count) = readOnce(descriptor, limit: limit)
            switch count {
            case 0...: return bytes
            case -Int(EAGAIN), -Int(EINTR): _ = waitUntilReadable(descriptor, milliseconds: nil)
            default: throw SystemCallError("read", Errno(rawValue: CInt(-count)))
            }
        }
    }

    /// What one read brought, and what it returned: a count, or a negative error number.
    private static func readOnce(_ descriptor: FileDescriptor, limit: Int) -> (bytes: [UInt8], count: Int) {
        var count = 0
        // What is not read into stays untouched: most reads are far shorter than they may be.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
            count = unsafe cl_read(descriptor.rawValue, buffer.baseAddress, limit)
            filled = max(count, 0)
        }
        return (bytes, count)
    }

    /// Reads up to the end of a file, or of what a pipe's writers have to say, and waits for that.
    ///
    /// - Parameter limit: the most bytes that are taken.
    /// - Throws: `SystemCallError`: EFBIG where there are more.
    public static func readAll(_ descriptor: FileDescriptor, limit: Int) throws(SystemCallError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let piece = try readPiece(descriptor, limit: 1 << 16)
            guard !piece.isEmpty else { return all }
            all += piece
            guard all.count <= limit else { throw SystemCallError("read", .fileTooLarge) }
        }
    }

    /// Whether nobody is at the other end now, such as at a pseudo-terminal that no program has opened.
    public static func isHungUp(_ descriptor: FileDescriptor) -> Bool {
        cl_is_hung_up(descriptor.rawValue) != 0
    }

    /// Waits until a descriptor takes output, or fails at once; false where that takes longer.
    public static func waitUntilWritable(_ descriptor: FileDescriptor, milliseconds: UInt64) -> Bool {
        cl_wait_writable(descriptor.rawValue, CInt(clamping: milliseconds)) != 0
    }

    /// Waits until there is something to read, or the end; false where that takes longer.
    ///
    /// - Parameter milliseconds: nil to wait for ever.
    public static func waitUntilReadable(_ descriptor: FileDescriptor, milliseconds: UInt64?) -> Bool {
        cl_wait_readable_within(descriptor.rawValue, milliseconds.map { CInt(clamping: $0) } ?? -1) != 0
    }

    /// Writes as many bytes as the descriptor takes; returns how many, 0 where it would block.
    ///
    /// - Throws: `SystemCallError` for any failure but EAGAIN and EINTR.
    public static func write(_ descriptor: FileDescriptor, _ bytes: ArraySlice<UInt8>) throws(SystemCallError) -> Int {
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe cl_write(descriptor.rawValue, buffer.baseAddress, buffer.count)
        }
        switch count {
        case 0...: return count
        case -Int(EAGAIN), -Int(EINTR): return 0
        default: throw SystemCallError("write", Errno(rawValue: CInt(-count)))
        }
    }
}

/// Two connected descriptors, close-on-exec and non-blocking (`socketpair(2)`).
public func makeByteChannel() throws(SystemCallError) -> (FileDescriptor, FileDescriptor) {
    var first: CInt = -1
    var second: CInt = -1
    let result = unsafe cl_socket_pair(&first, &second)
    guard result == 0 else { throw SystemCallError("socketpair", Errno(rawValue: -result)) }
    return (FileDescriptor(rawValue: first), FileDescriptor(rawValue: second))
}
