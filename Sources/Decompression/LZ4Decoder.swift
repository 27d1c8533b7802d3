import CLz4

/// LZ4's legacy frame: a magic number, then blocks of at most 8 MiB with their packed sizes in front, until the data
/// ends. Through liblz4, a block at a time.
///
/// The end has no mark: the stream is finished wherever a block is, if the caller has no more input.
final class LZ4Decoder: Decoder {
    private static let blockSize = 8 << 20
    /// The most that a block of incompressible data can take (`LZ4_compressBound`).
    private static let largestPackedSize = blockSize + blockSize / 255 + 16
    private static let magic: [UInt8] = [0x02, 0x21, 0x4c, 0x18]

    private enum State {
        case magic
        case blockSize
        case block(packedSize: Int)
        /// A block is unpacked; bytes from here on are still to be handed out.
        case handingOut(from: Int)
    }

    private var state = State.magic
    /// What was gathered of the magic number, a size or a packed block.
    private var gathered: [UInt8] = []
    private var unpacked: [UInt8] = []

    func decode(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Decompressor.Progress {
        var progress = Decompressor.Progress(consumed: 0, produced: 0, isFinished: false)
        while true {
            switch state {
            case .magic:
                guard unsafe gather(4, from: input, &progress.consumed) else { return progress }
                guard gathered == Self.magic else { throw .damaged(.lz4) }
                next(.blockSize)
            case .blockSize:
                guard unsafe gather(4, from: input, &progress.consumed) else {
                    progress.isFinished = gathered.isEmpty
                    return progress
                }
                let size = gathered.reversed().reduce(0) { $0 << 8 | Int($1) }
                // A further frame may follow; its magic number is no possible size.
                if gathered == Self.magic {
                    next(.blockSize)
                } else {
                    guard size > 0, size <= Self.largestPackedSize else { throw .damaged(.lz4) }
                    next(.block(packedSize: size))
                }
            case .block(let size):
                guard unsafe gather(size, from: input, &progress.consumed) else { return progress }
                try unpack()
                next(.handingOut(from: 0))
            case .handingOut(let start):
                let count = min(unpacked.count - start, output.count - progress.produced)
                unsafe unpacked.withUnsafeBytes { bytes in
                    unsafe output[progress.produced..<progress.produced + count].copyBytes(
                        from: bytes[start..<start + count])
                }
                progress.produced += count
                guard start + count == unpacked.count else {
                    state = .handingOut(from: start + count)
                    return progress
                }
                next(.blockSize)
            }
        }
    }

    private func next(_ state: State) {
        self.state = state
        gathered.removeAll(keepingCapacity: true)
    }

    /// Takes input until so many bytes are gathered; false if it doesn't suffice.
    private func gather(_ count: Int, from input: UnsafeRawBufferPointer, _ consumed: inout Int) -> Bool {
        let taken = min(count - gathered.count, input.count - consumed)
        unsafe gathered.append(contentsOf: input[consumed..<consumed + taken])
        consumed += taken
        return gathered.count == count
    }

    /// Unpacks the gathered block.
    private func unpack() throws(DecompressionError) {
        if unpacked.count < Self.blockSize {
            unpacked = [UInt8](repeating: 0, count: Self.blockSize)
        }
        let size = unsafe gathered.withUnsafeBytes { packed in
            unsafe unpacked.withUnsafeMutableBytes { room in
                unsafe LZ4_decompress_safe(
                    packed.baseAddress?.assumingMemoryBound(to: CChar.self),
                    room.baseAddress?.assumingMemoryBound(to: CChar.self), CInt(packed.count), CInt(room.count))
            }
        }
        guard size >= 0 else { throw .damaged(.lz4) }
        unpacked.removeLast(unpacked.count - Int(size))
    }
}
