import CZlib

/// gzip (RFC 1952), through zlib.
@safe final class GzipDecoder: Decoder {
    // zlib keeps a pointer to the stream's own address and checks it, so that must not move.
    private let stream: UnsafeMutablePointer<z_stream>

    init() throws(DecompressionError) {
        unsafe stream = UnsafeMutablePointer.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // 15 bits of window, and 16 to ask for a gzip header instead of a zlib one.
        let result = unsafe inflateInit2_(stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        guard result == Z_OK else {
            throw .outOfMemory(.gzip)
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func decode(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Decompressor.Progress {
        let available = UInt32(clamping: input.count)
        let room = UInt32(clamping: output.count)
        // zlib only reads what it declares as not constant.
        unsafe stream.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.pointee.avail_in = available
        unsafe stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.pointee.avail_out = room
        let result = unsafe inflate(stream, Z_NO_FLUSH)
        switch result {
        case Z_OK, Z_STREAM_END, Z_BUF_ERROR: break
        case Z_MEM_ERROR: throw .outOfMemory(.gzip)
        default: throw .damaged(.gzip)
        }
        return unsafe Decompressor.Progress(
            consumed: Int(available - stream.pointee.avail_in), produced: Int(room - stream.pointee.avail_out),
            isFinished: result == Z_STREAM_END)
    }
}
