import CLinux
import SystemPackage

/// Whole messages between a descriptor and guest memory, by one system call each.
extension GuestVectors {
    /// Reads a message (`readv(2)`); the pieces stay as they are.
    ///
    /// - Parameter overflow: where the part of it goes that the pieces have no room for.
    /// - Returns: its bytes, or a negated `errno`; no more than there is room for.
    public func read(from descriptor: FileDescriptor, overflow: OverflowBuffer) -> Int {
        unsafe withPieces(before: overflow.bytes) { pieces, count in
            unsafe cl_readv(descriptor.rawValue, pieces, count)
        }
    }

    /// Writes a message (`writev(2)`); the pieces stay as they are.
    ///
    /// - Returns: bytes written, or a negated `errno`.
    public func write(to descriptor: FileDescriptor) -> Int {
        let pieces = unsafe self.pieces
        return unsafe cl_writev(descriptor.rawValue, pieces.baseAddress, CInt(pieces.count))
    }

    /// Copies what a read has put into an overflow buffer to the pieces, which have got more meanwhile.
    ///
    /// - Parameters:
    ///   - count: bytes to copy.
    ///   - offset: how many bytes of the pieces come before.
    public func store(
        _ overflow: OverflowBuffer, count: Int, at offset: UInt64
    ) throws(GuestMemoryError) {
        var skip = offset
        var done = 0
        for index in unsafe pieces.indices where done < count {
            let piece = unsafe pieces[index]
            let length = unsafe UInt64(piece.iov_len)
            guard skip < length else {
                skip -= length
                continue
            }
            let part = min(Int(length - skip), count - done)
            guard unsafe cl_guarded_copy(piece.iov_base + Int(skip), overflow.base + done, part) == 0 else {
                throw inaccessiblePiece
            }
            skip = 0
            done += part
        }
    }

    /// Why a call with these pieces failed with EFAULT: the piece that can't be accessed. Where all of them can by now,
    /// it is the first.
    public var inaccessiblePiece: GuestMemoryError {
        for index in unsafe pieces.indices {
            let piece = unsafe pieces[index]
            let length = unsafe piece.iov_len
            for offset in stride(from: 0, to: length, by: 4096) {
                if unsafe cl_guarded_load_u8(piece.iov_base + offset).faulted != 0 {
                    return unsafe error(at: piece.iov_base + offset, count: length - offset)
                }
            }
        }
        guard let first = unsafe pieces.first else { return .inaccessible(GuestAddress(0), count: 0) }
        return unsafe error(at: first.iov_base, count: first.iov_len)
    }

    private func error(at pointer: UnsafeMutableRawPointer, count: Int) -> GuestMemoryError {
        let place = memory.location(ofHostAddress: UInt64(UInt(bitPattern: pointer)))
        return .inaccessible(place?.address ?? GuestAddress(0), count: UInt64(count))
    }
}
