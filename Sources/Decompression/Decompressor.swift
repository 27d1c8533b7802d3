/// Unpacks a stream of compressed data piece by piece, in memory that does not grow with the stream.
///
/// ```swift
/// let progress = try decompressor.decompress(input[position...], into: &output)
/// position += progress.consumed
/// use(output.prefix(progress.produced))
/// ```
public struct Decompressor: ~Copyable {
    /// What one step did.
    public struct Progress: Sendable, Equatable {
        /// Bytes of the input that were used.
        public var consumed: Int
        /// Bytes that were written at the beginning of the output.
        public var produced: Int
        /// Whether the stream's end was reached; what follows it in the input is not looked at.
        public var isFinished: Bool
    }

    /// Memory that a stream may ask a library for, in bytes: window and tables. Linux uses windows of 32 MiB (xz)
    /// and 128 MiB (zstd).
    static let memoryLimit: UInt64 = 256 << 20

    private let decoder: any Decoder

    /// - Throws: `DecompressionError.unsupported` for formats that are recognised only.
    public init(_ format: CompressionFormat) throws(DecompressionError) {
        decoder =
            switch format {
            case .gzip: try GzipDecoder()
            case .xz: try XZDecoder()
            case .lz4: LZ4Decoder()
            case .zstd: try ZstdDecoder()
            case .bzip2, .lzma, .lzo: throw .unsupported(format)
            }
    }

    /// Unpacks some of the input, as much as fits into the output.
    ///
    /// A step that neither consumes nor produces anything, though there is room, needs more input.
    /// - Parameters:
    ///   - input: what follows what was consumed so far.
    ///   - output: overwritten from its beginning; its count is the room that there is.
    public mutating func decompress(
        _ input: ArraySlice<UInt8>, into output: inout [UInt8]
    ) throws(DecompressionError) -> Progress {
        // The closures of the standard library's withUnsafe functions carry typed errors through as a Result.
        let decoder = decoder
        let result: Result<Progress, DecompressionError> = unsafe input.withUnsafeBytes { source in
            unsafe output.withUnsafeMutableBytes { destination in
                do throws(DecompressionError) {
                    return .success(try unsafe decoder.decode(source, destination))
                } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }
}

/// One format's side of `Decompressor`.
protocol Decoder: AnyObject {
    /// Unpacks from one buffer into another, neither of which it keeps.
    func decode(
        _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
    ) throws(DecompressionError) -> Decompressor.Progress
}
