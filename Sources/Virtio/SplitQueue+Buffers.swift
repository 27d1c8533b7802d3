import GuestMemory

/// Access to the buffers of the newest chains, as if the readable ones were one piece of memory, and the writable ones
/// another: drivers may cut them as they like (virtio specification, 2.7.4). Offsets are in bytes.
///
/// Reading a chain whose buffers are no longer known is `staleChain`. So is writing to it, but where its queue was reset
/// meanwhile nothing happens: a device that is late with an answer need not know.
extension SplitQueue {
    public func loadUInt8(at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) -> UInt8 {
        UInt8(truncatingIfNeeded: try load(1, at: offset, of: chain))
    }

    public func loadUInt16(at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) -> UInt16 {
        UInt16(truncatingIfNeeded: try load(2, at: offset, of: chain))
    }

    public func loadUInt32(at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) -> UInt32 {
        UInt32(truncatingIfNeeded: try load(4, at: offset, of: chain))
    }

    public func loadUInt64(at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) -> UInt64 {
        try load(8, at: offset, of: chain)
    }

    public func store(_ value: UInt8, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) {
        try store(UInt64(value), count: 1, at: offset, of: chain)
    }

    public func store(_ value: UInt16, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) {
        try store(UInt64(value), count: 2, at: offset, of: chain)
    }

    public func store(_ value: UInt32, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) {
        try store(UInt64(value), count: 4, at: offset, of: chain)
    }

    public func store(_ value: UInt64, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) {
        try store(value, count: 8, at: offset, of: chain)
    }

    /// Copies the readable bytes, each once.
    public func read(
        into bytes: inout MutableRawSpan, at offset: UInt64, of chain: DescriptorChain
    ) throws(VirtqueueError) {
        try check(chain, offset, UInt64(bytes.byteCount), available: chain.readableLength)
        var pieces = Pieces(chain.readableBuffers, at: offset, count: UInt64(bytes.byteCount))
        var done = 0
        while let piece = pieces.next(of: self) {
            do throws(GuestMemoryError) {
                var part = bytes._mutatingExtracting(done..<done + Int(piece.count))
                try memory.read(at: piece.address, into: &part)
            } catch {
                throw .memory(error)
            }
            done += Int(piece.count)
        }
    }

    /// Copies to the writable bytes; does nothing where the chain belongs to a queue that was reset since.
    public func write(_ bytes: RawSpan, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) {
        guard chain.epoch == epoch else { return }
        try check(chain, offset, UInt64(bytes.byteCount), available: chain.writableLength)
        var pieces = Pieces(chain.writableBuffers, at: offset, count: UInt64(bytes.byteCount))
        var done = 0
        while let piece = pieces.next(of: self) {
            do throws(GuestMemoryError) {
                try memory.write(bytes.extracting(done..<done + Int(piece.count)), at: piece.address)
            } catch {
                throw .memory(error)
            }
            done += Int(piece.count)
        }
    }

    /// Calls the body with each piece of a range of the readable bytes, in order.
    ///
    /// - Throws: `buffersTooShort` before the first call, `staleChain`, and what the body throws.
    public func forEachReadablePiece(
        of chain: DescriptorChain, at offset: UInt64, count: UInt64,
        _ body: (GuestBuffer) throws(VirtqueueError) -> Void
    ) throws(VirtqueueError) {
        try check(chain, offset, count, available: chain.readableLength)
        try forEachPiece(in: chain.readableBuffers, at: offset, count: count, body)
    }

    /// Calls the body with each piece of a range of the writable bytes, in order; with none where the chain belongs to
    /// a queue that was reset since.
    ///
    /// - Throws: `buffersTooShort` before the first call, `staleChain`, and what the body throws.
    public func forEachWritablePiece(
        of chain: DescriptorChain, at offset: UInt64, count: UInt64,
        _ body: (GuestBuffer) throws(VirtqueueError) -> Void
    ) throws(VirtqueueError) {
        guard chain.epoch == epoch else { return }
        try check(chain, offset, count, available: chain.writableLength)
        try forEachPiece(in: chain.writableBuffers, at: offset, count: count, body)
    }

    private func check(
        _ chain: DescriptorChain, _ offset: UInt64, _ count: UInt64, available: UInt64
    ) throws(VirtqueueError) {
        guard chain.epoch == epoch, chain.serial == serial, chain.writableBuffers.upperBound <= bufferCount else {
            throw .staleChain
        }
        let (end, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, end <= available else {
            throw .buffersTooShort(needed: overflow ? .max : end, available: available)
        }
    }

    private func forEachPiece(
        in range: Range<Int>, at offset: UInt64, count: UInt64, _ body: (GuestBuffer) throws(VirtqueueError) -> Void
    ) throws(VirtqueueError) {
        var pieces = Pieces(range, at: offset, count: count)
        while let piece = pieces.next(of: self) {
            try body(piece)
        }
    }

    /// The pieces of guest memory that a range of a chain's bytes consists of, one after the other.
    private struct Pieces {
        private var indices: Range<Int>
        /// Bytes to pass over first.
        private var skip: UInt64
        private var left: UInt64

        init(_ indices: Range<Int>, at offset: UInt64, count: UInt64) {
            self.indices = indices
            skip = offset
            left = count
        }

        mutating func next(of queue: SplitQueue) -> GuestBuffer? {
            while left > 0, let index = indices.popFirst() {
                let buffer = queue.buffers[index]
                guard skip < buffer.count else {
                    skip -= buffer.count
                    continue
                }
                let length = min(buffer.count - skip, left)
                // No overflow: the whole buffer was found in guest memory.
                let piece = GuestBuffer(address: GuestAddress(buffer.address.rawValue + skip), count: length)
                skip = 0
                left -= length
                return piece
            }
            return nil
        }
    }

    private func load(_ count: UInt64, at offset: UInt64, of chain: DescriptorChain) throws(VirtqueueError) -> UInt64 {
        var value: UInt64 = 0
        var done: UInt64 = 0
        try forEachReadablePiece(of: chain, at: offset, count: count) { (piece) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                value |= try memory.load(piece) << (8 * done)
            } catch {
                throw .memory(error)
            }
            done += piece.count
        }
        return value
    }

    private func store(
        _ value: UInt64, count: UInt64, at offset: UInt64, of chain: DescriptorChain
    ) throws(VirtqueueError) {
        var done: UInt64 = 0
        try forEachWritablePiece(of: chain, at: offset, count: count) { (piece) throws(VirtqueueError) in
            do throws(GuestMemoryError) {
                try memory.store(value >> (8 * done), to: piece)
            } catch {
                throw .memory(error)
            }
            done += piece.count
        }
    }
}
