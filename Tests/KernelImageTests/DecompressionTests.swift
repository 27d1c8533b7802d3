import Decompression
import Testing

@Suite struct DecompressionTests {
    private static let formats: [CompressionFormat] = [.gzip, .xz, .lz4, .zstd]

    /// Something between noise and emptiness.
    private func sample(_ count: Int) -> [UInt8] {
        var state: UInt32 = 1
        return (0..<count).map { index in
            state = state &* 1_664_525 &+ 1_013_904_223
            return index / 5000 % 3 == 0 ? 7 : UInt8(truncatingIfNeeded: state >> (index / 1000 % 2 == 0 ? 24 : 29))
        }
    }

    /// Unpacks with pieces of given sizes; nil if the stream never ends.
    private func unpack(
        _ packed: [UInt8], _ format: CompressionFormat, inputSize: Int, outputSize: Int
    ) throws -> [UInt8]? {
        var decompressor = try Decompressor(format)
        var room = [UInt8](repeating: 0, count: outputSize)
        var result: [UInt8] = []
        var position = 0
        var isFinished = false
        while true {
            let end = min(position + inputSize, packed.count)
            let progress = try decompressor.decompress(packed[position..<end], into: &room)
            position += progress.consumed
            result += room.prefix(progress.produced)
            isFinished = progress.isFinished
            if position == packed.count && (isFinished || progress.produced == 0) {
                return isFinished ? result : nil
            }
            if isFinished && format != .lz4 {
                return result
            }
        }
    }

    @Test(arguments: formats)
    func unpacksInPiecesOfAnySize(format: CompressionFormat) throws {
        let sample = sample(300_000)
        let packed = try Fixtures.compress(sample, format)
        #expect(CompressionFormat(recognizing: packed) == format)
        for (inputSize, outputSize) in [(1 << 20, 1 << 20), (1000, 100), (7, 100_000), (1 << 20, 13)] {
            #expect(try unpack(packed, format, inputSize: inputSize, outputSize: outputSize) == sample)
        }
    }

    @Test func anLZ4StreamHasSeveralBlocks() throws {
        let sample = sample(9 << 20)
        let packed = try Fixtures.compress(sample, .lz4)
        #expect(try unpack(packed, .lz4, inputSize: 1 << 20, outputSize: 1 << 20) == sample)
    }

    @Test(arguments: formats)
    func anEmptyStreamEnds(format: CompressionFormat) throws {
        let packed = try Fixtures.compress([], format)
        #expect(try unpack(packed, format, inputSize: 100, outputSize: 100) == [])
    }

    @Test(arguments: formats)
    func aTruncatedStreamDoesNotEnd(format: CompressionFormat) throws {
        let packed = try Fixtures.compress(sample(20_000), format)
        for count in stride(from: 0, to: packed.count - 1, by: 101) {
            // An LZ4 stream is whole after its magic number already.
            guard format != .lz4 || count != 4 else { continue }
            let result = try? unpack(Array(packed.prefix(count)), format, inputSize: 4096, outputSize: 4096)
            #expect(result == .none || result == .some(nil))
        }
    }

    @Test(arguments: formats)
    func damageNeverCrashes(format: CompressionFormat) throws {
        let sample = sample(20_000)
        let packed = try Fixtures.compress(sample, format)
        var random = SystemRandomNumberGenerator()
        for _ in 0..<1500 {
            var damaged = packed
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<damaged.count, using: &random)
                damaged[index] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? unpack(damaged, format, inputSize: 4096, outputSize: 4096)
        }
    }

    @Test func noiseIsDamaged() throws {
        let noise = [UInt8](repeating: 0xa5, count: 100)
        for format in Self.formats {
            #expect(throws: DecompressionError.damaged(format)) {
                try unpack(noise, format, inputSize: 100, outputSize: 100)
            }
        }
    }

    @Test(arguments: [CompressionFormat.bzip2, .lzma, .lzo])
    func otherFormatsAreRecognisedOnly(format: CompressionFormat) {
        #expect(throws: DecompressionError.unsupported(format)) { _ = try Decompressor(format) }
        #expect(
            DecompressionError.unsupported(format).description == "\(format.rawValue) compression is not supported")
    }
}
