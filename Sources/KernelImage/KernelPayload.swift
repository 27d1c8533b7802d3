import Decompression
import Digest
import Host
import SystemPackage

/// The compressed kernel inside a bzImage.
struct KernelPayload {
    /// The most that a kernel may unpack to, in bytes.
    static let limit: UInt64 = 1 << 30

    private static let pieceSize = 256 << 10

    let format: CompressionFormat
    /// Bytes that it unpacks to, as the build system recorded them.
    let unpackedSize: UInt64
    /// Where the compressed data is in the file.
    private let range: Range<UInt64>

    /// What was found out while a kernel was unpacked.
    struct Findings: Sendable {
        /// The SHA-256 of the compressed data.
        let digest: String
        /// Where the unpacked kernel has long runs of zeroes, as offsets, in order.
        let zeroes: [Range<UInt64>]
    }

    /// Why unpacking failed: one's fault is the file's, the other's the place where it should go.
    enum Failure: Error {
        case image(KernelImageError.Reason)
        case output(SystemCallError)

        /// Runs something whose failure is the output's.
        static func output<Value: ~Copyable>(
            _ body: () throws(SystemCallError) -> Value
        ) throws(Failure) -> Value {
            do throws(SystemCallError) {
                return try body()
            } catch {
                throw .output(error)
            }
        }

        init(_ error: DecompressionError) {
            self =
                switch error {
                case .unsupported(let format): .image(.unsupportedCompression(format.rawValue))
                case .damaged, .outOfMemory: .image(.damaged("\(error)"))
                }
        }
    }

    init(_ header: BootHeader, in file: borrowing KernelFile) throws(KernelImageError.Reason) {
        let signature = try file.bytes(count: CompressionFormat.signatureLength, at: header.payloadOffset)
        guard let format = CompressionFormat(recognizing: signature) else { throw .unknownPayload }
        self.format = format
        // gzip ends with the size itself (RFC 1952, ISIZE); behind the others Linux appends it.
        let end = header.payloadOffset + header.payloadLength
        range = header.payloadOffset..<(format == .gzip ? end : end - 4)
        unpackedSize = try file.bytes(count: 4, at: end - 4).number(at: 0, bytes: 4)
        guard unpackedSize <= Self.limit else { throw .tooLarge(limit: Self.limit) }
    }

    /// The SHA-256 of the compressed data: what it unpacks to is the same wherever that is.
    func digest(in file: borrowing KernelFile) throws(Failure) -> String {
        var digest = SHA256()
        try update(&digest, with: file, from: range.lowerBound)
        return digest.finish()
    }

    /// Takes all of the compressed data from an offset on into a digest.
    private func update(
        _ digest: inout SHA256, with file: borrowing KernelFile, from start: UInt64
    ) throws(Failure) {
        var offset = start
        while offset < range.upperBound {
            let input = try read(file, at: offset)
            digest.update(input)
            offset += UInt64(input.count)
        }
    }

    /// Unpacks it into a descriptor, from that one's position on.
    ///
    /// - Returns: what was found out of what was unpacked, also where somebody writes to the file meanwhile.
    func unpack(from file: borrowing KernelFile, into output: FileDescriptor) throws(Failure) -> Findings {
        var decompressor: Decompressor
        do {
            decompressor = try Decompressor(format)
        } catch {
            throw Failure(error)
        }
        var room = [UInt8](repeating: 0, count: Self.pieceSize)
        var total: UInt64 = 0
        var zeroes = ZeroRuns()
        var offset = range.lowerBound
        var isFinished = false
        var digest = SHA256()
        while !isFinished {
            guard offset < range.upperBound else { throw Failure(.damaged(format)) }
            let input = try read(file, at: offset)
            digest.update(input)
            offset += UInt64(input.count)
            isFinished = try unpack(input, with: &decompressor, &room, into: output, &total, &zeroes)
            // LZ4 has no mark for its end: it may go on wherever a block ends.
            if format == .lz4 && offset < range.upperBound {
                isFinished = false
            }
        }
        guard total == unpackedSize else { throw Failure(.damaged(format)) }
        // What lies behind the end of the compressed data changes nothing, but has to count as it does elsewhere.
        try update(&digest, with: file, from: offset)
        zeroes.end()
        return Findings(digest: digest.finish(), zeroes: zeroes.ranges)
    }

    /// Unpacks one piece of the input, all of it unless the stream ends in it.
    ///
    /// - Returns: whether the stream is at its end.
    private func unpack(
        _ input: [UInt8], with decompressor: inout Decompressor, _ room: inout [UInt8], into output: FileDescriptor,
        _ total: inout UInt64, _ zeroes: inout ZeroRuns
    ) throws(Failure) -> Bool {
        var rest = input[...]
        while true {
            let progress: Decompressor.Progress
            do {
                progress = try decompressor.decompress(rest, into: &room)
            } catch {
                throw Failure(error)
            }
            rest = rest.dropFirst(progress.consumed)
            total += UInt64(progress.produced)
            // More than the recorded size is not this kernel, however much of it there is.
            guard total <= unpackedSize else { throw Failure(.damaged(format)) }
            zeroes.look(at: room[..<progress.produced])
            do {
                try output.write(all: room[..<progress.produced])
            } catch {
                throw .output(error)
            }
            if progress.isFinished {
                return true
            }
            // A full room may mean that more waits inside, also where no input is left.
            if progress.produced < room.count {
                guard !rest.isEmpty else { return false }
                guard progress.consumed + progress.produced > 0 else { throw Failure(.damaged(format)) }
            }
        }
    }

    private func read(_ file: borrowing KernelFile, at offset: UInt64) throws(Failure) -> [UInt8] {
        let count = min(UInt64(Self.pieceSize), range.upperBound - offset)
        let bytes: [UInt8]
        do {
            bytes = try file.bytes(count: Int(count), at: offset)
        } catch {
            throw .image(error)
        }
        guard UInt64(bytes.count) == count else {
            throw .image(.truncated(expected: range.upperBound, actual: offset + UInt64(bytes.count)))
        }
        return bytes
    }
}
