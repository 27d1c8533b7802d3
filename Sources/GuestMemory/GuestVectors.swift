import CLinux

/// Pieces of guest memory that a system call reads from or writes to, in order (`iovec`, readv(2)). The kernel finds out
/// by itself what is not accessible, and fails with EFAULT.
@safe public final class GuestVectors: @unchecked Sendable {
    // Sendable: whoever makes a request of it, and whoever carries that out, have it one after the other. Keeping
    // `memory` keeps the pointers valid.

    let memory: GuestMemory
    private var vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: 4)
    private var pieceCount = 0
    /// Those before have been read or written already.
    private var first = 0
    /// How many pieces are still to be read or written.
    public var count: Int { pieceCount - first }
    /// Bytes that are still to be read or written.
    public private(set) var byteCount: UInt64 = 0

    /// The most pieces that one system call takes (IOV_MAX).
    private static let most = 1024
    /// The most bytes of a piece, and of a portion: whoever has it read or written may have to wait until it is copied.
    private static let byteLimit: UInt64 = 16 << 20
    /// What disks read and write past the host's cache is a multiple of that (their logical block size) in all.
    private static let alignment: UInt64 = 4096

    public init(of memory: GuestMemory) {
        self.memory = memory
    }

    deinit {
        unsafe vectors.deallocate()
    }

    public func removeAll() {
        pieceCount = 0
        first = 0
        byteCount = 0
    }

    /// Adds a piece; it may lie in several regions that follow each other.
    ///
    /// - Throws: `unmapped` where some of it is no guest memory.
    public func append(_ address: GuestAddress, count: UInt64) throws(GuestMemoryError) {
        var done: UInt64 = 0
        while done < count {
            let (pointer, available) = try unsafe memory.part(of: address, count: count, after: done)
            let length = min(available, count - done, Self.byteLimit)
            if unsafe pieceCount == vectors.count { makeRoom() }
            unsafe vectors[pieceCount] = iovec(iov_base: pointer, iov_len: Int(length))
            pieceCount += 1
            done += length
        }
        byteCount += count
    }

    /// Forgets the first bytes: they have been read or written.
    public func removeFirst(_ count: UInt64) {
        var left = min(count, byteCount)
        byteCount -= left
        while left > 0 {
            let length = unsafe UInt64(vectors[first].iov_len)
            guard left < length else {
                left -= length
                first += 1
                continue
            }
            unsafe vectors[first].iov_base += Int(left)
            unsafe vectors[first].iov_len -= Int(left)
            return
        }
    }

    /// Moves what is left to the start, or gets more memory.
    private func makeRoom() {
        guard first < max(1, pieceCount / 2) else {
            for index in first..<pieceCount { unsafe vectors[index - first] = vectors[index] }
            pieceCount -= first
            first = 0
            return
        }
        let larger = unsafe UnsafeMutableBufferPointer<iovec>.allocate(capacity: 2 * vectors.count)
        _ = unsafe larger.initialize(from: vectors)
        unsafe vectors.deallocate()
        unsafe vectors = larger
    }

    /// Calls the body with the pieces that are left and, behind them, one more.
    func withPieces<Result>(
        before last: UnsafeMutableRawBufferPointer, _ body: (UnsafePointer<iovec>?, CInt) -> Result
    ) -> Result {
        if unsafe pieceCount == vectors.count { makeRoom() }
        unsafe vectors[pieceCount] = iovec(iov_base: last.baseAddress, iov_len: last.count)
        let pieces = unsafe UnsafeBufferPointer(rebasing: vectors[first...pieceCount])
        return unsafe body(pieces.baseAddress, CInt(min(pieces.count, Self.most)))
    }

    /// The pieces that are left, or the first of them: as many as one system call takes. They stay there until
    /// something is added or removed, or this is gone.
    public var pieces: UnsafeBufferPointer<iovec> {
        unsafe UnsafeBufferPointer(rebasing: vectors[first..<min(pieceCount, first + Self.most)])
    }

    /// The first of the pieces, as much as a disk is to read or write at once: at most 16 MiB, and whole blocks of it where
    /// pieces end with such.
    public var portion: UnsafeBufferPointer<iovec> {
        let pieces = unsafe self.pieces
        guard byteCount > Self.byteLimit || pieces.count < count else { return unsafe pieces }
        // None is longer than a portion.
        var (end, bytes, alignedEnd) = (0, 0 as UInt64, 0)
        while end < pieces.count, unsafe bytes + UInt64(pieces[end].iov_len) <= Self.byteLimit {
            bytes += unsafe UInt64(pieces[end].iov_len)
            end += 1
            if bytes % Self.alignment == 0 { alignedEnd = end }
        }
        return unsafe UnsafeBufferPointer(rebasing: pieces[..<(alignedEnd > 0 ? alignedEnd : end)])
    }
}
