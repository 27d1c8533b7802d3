import KernelLayout
import Testing

@testable import KernelImage

@Suite struct ZeroRunsTests {
    private static let mebibyte = 1 << 20
    private static let page = 4096

    /// Bytes that are zero but for those at some offsets.
    private func bytes(_ count: Int, butFor offsets: [Int]) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        for offset in offsets {
            bytes[offset] = 1
        }
        return bytes
    }

    /// - Parameter pieceSize: how many bytes are looked at at once.
    private func runs(_ bytes: [UInt8], by pieceSize: Int) -> [Range<UInt64>] {
        var runs = ZeroRuns()
        for start in stride(from: 0, to: bytes.count, by: pieceSize) {
            runs.look(at: bytes[start..<min(start + pieceSize, bytes.count)])
        }
        runs.end()
        return runs.ranges
    }

    @Test(arguments: [1000, 4096, 5000, 256 << 10, 8 << 20]) func longRunsOfPagesAreFound(pieceSize: Int) {
        let found = runs(
            bytes(4 * Self.mebibyte + 10, butFor: [0, 2 * Self.mebibyte + 100, 2 * Self.mebibyte + 200]),
            by: pieceSize)
        #expect(
            found == [
                UInt64(Self.page)..<UInt64(2 * Self.mebibyte), UInt64(2 * Self.mebibyte + Self.page)..<UInt64(4 << 20),
            ])
    }

    @Test func onesThatArePartOfAPageShorterAreNot() {
        let shortest = Int(ZeroRuns.shortest)
        #expect(runs(bytes(shortest, butFor: []), by: 4096) == [0..<ZeroRuns.shortest])
        #expect(runs(bytes(shortest - 1, butFor: []), by: 4096).isEmpty)
        #expect(runs(bytes(shortest + Self.page - 1, butFor: [0]), by: 4096).isEmpty)
        #expect(runs([], by: 1).isEmpty)
    }

    @Test func onlySoManyAreFound() {
        let distance = Self.mebibyte + Self.page
        let count = ZeroRuns.most + 2
        let found = runs(bytes(count * distance, butFor: (0..<count).map { $0 * distance }), by: 256 << 10)
        #expect(found.count == ZeroRuns.most)
    }

    // MARK: Segments without them

    /// What guest memory holds once a kernel is loaded, from an address on.
    private func memory(_ layout: KernelLayout, of file: [UInt8], from start: UInt64) -> [UInt8] {
        var memory = [UInt8](repeating: 0, count: Int(layout.end - start))
        for segment in layout.segments {
            let place = Int(segment.address - start)
            memory.replaceSubrange(
                place..<place + Int(segment.fileSize),
                with: file[Int(segment.fileOffset)..<Int(segment.fileOffset + segment.fileSize)])
        }
        return memory
    }

    @Test(arguments: 0..<20) func memoryIsTheSameWithoutThem(_: Int) {
        var random = SystemRandomNumberGenerator()
        let pages = 16
        var file = (0..<pages * Self.page).map { _ in UInt8.random(in: 1...255, using: &random) }
        var zeroes: [Range<UInt64>] = []
        var next = 0
        while let first = (next..<pages).randomElement(using: &random), Bool.random(using: &random) {
            let end = Int.random(in: first + 1...pages, using: &random)
            file.replaceSubrange(
                first * Self.page..<end * Self.page, with: repeatElement(0, count: (end - first) * Self.page))
            zeroes.append(UInt64(first * Self.page)..<UInt64(end * Self.page))
            next = end
        }
        let start: UInt64 = 16 << 20
        let border = Int.random(in: 1..<pages, using: &random) * Self.page
        let fileSize = UInt64.random(in: 0...UInt64(border), using: &random)
        let layout = KernelLayout(
            entry: start,
            segments: [
                .init(fileOffset: 0, fileSize: fileSize, address: start, memorySize: fileSize + 5000),
                .init(
                    fileOffset: UInt64(border), fileSize: UInt64(file.count - border), address: start + 1 << 20,
                    memorySize: UInt64(file.count - border)),
            ])
        let without = layout.leavingOut(zeroes)
        #expect(without.entry == layout.entry && without.end == layout.end)
        #expect(memory(without, of: file, from: start) == memory(layout, of: file, from: start))
        for segment in without.segments {
            let bytes = segment.fileOffset..<segment.fileOffset + segment.fileSize
            #expect(!zeroes.contains { $0.overlaps(bytes) })
            #expect(segment.fileSize <= segment.memorySize && segment.memorySize > 0)
        }
        for (segment, following) in zip(without.segments, without.segments.dropFirst()) {
            #expect(segment.address + segment.memorySize <= following.address)
        }
    }
}
