import CLzma

/// xz, with the filters that Linux uses (x86 branch conversion, LZMA2), through liblzma.
@safe final class XZDecoder: Decoder {
    private let stream: UnsafeMutablePointer<lzma_stream>

    init() throws(DecompressionError) {
        unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe stream.initialize(to: lzma_stream())
        guard unsafe lzma_stream_decoder(stream, Decompressor.memoryLimit, 0) == LZMA_OK else {
            throw .outOfMemory(.xz)
        }
    }

    deinit {
        unsafe lzma_end(stream)
        unsafe stream.deallocate()
    }

    func decode(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Decompressor.Progress {
        unsafe stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_in = input.count
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = output.count
        let result = unsafe lzma_code(stream, LZMA_RUN)
        switch result {
        case LZMA_OK, LZMA_STREAM_END, LZMA_BUF_ERROR: break
        case LZMA_MEM_ERROR, LZMA_MEMLIMIT_ERROR: throw .outOfMemory(.xz)
        default: throw .damaged(.xz)
        }
        return unsafe Decompressor.Progress(
            consumed: input.count - stream.pointee.avail_in, produced: output.count - stream.pointee.avail_out,
            isFinished: result == LZMA_STREAM_END)
    }
}
