import CZstd

/// Zstandard (RFC 8878), through libzstd.
@safe final class ZstdDecoder: Decoder {
    private let context: OpaquePointer

    init() throws(DecompressionError) {
        guard let context = unsafe ZSTD_createDStream() else {
            throw .outOfMemory(.zstd)
        }
        unsafe self.context = context
        // Linux packs with the largest window that decoders take without being asked: 2^27 bytes.
        _ = unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 27)
    }

    deinit {
        unsafe ZSTD_freeDStream(context)
    }

    func decode(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Decompressor.Progress {
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var destination = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let result = unsafe ZSTD_decompressStream(context, &destination, &source)
        guard ZSTD_isError(result) == 0 else {
            switch ZSTD_getErrorCode(result) {
            case ZSTD_error_memory_allocation, ZSTD_error_frameParameter_windowTooLarge: throw .outOfMemory(.zstd)
            default: throw .damaged(.zstd)
            }
        }
        return unsafe Decompressor.Progress(
            consumed: source.pos, produced: destination.pos, isFinished: result == 0)
    }
}
