/// Which blocks of a region are plugged: one bit each, and their number.
struct BlockMap: Sendable {
    let count: Int
    private(set) var plugged = 0
    /// How many runs of plugged blocks there are.
    private(set) var runs = 0
    private var words: [UInt64]

    /// - Parameter count: blocks, all of them unplugged.
    init(count: Int) {
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
    }

    subscript(block: Int) -> Bool {
        words[block >> 6] & 1 << UInt64(block & 63) != 0
    }

    /// Marks blocks as plugged or unplugged, whatever they were.
    mutating func set(_ blocks: Range<Int>, _ isPlugged: Bool) {
        // A run may begin in the blocks, or right behind them.
        let affected = blocks.lowerBound..<min(blocks.upperBound + 1, count)
        runs -= runStarts(in: affected)
        defer { runs += runStarts(in: affected) }
        for (word, mask) in words(of: blocks) {
            let before = words[word].nonzeroBitCount
            words[word] = isPlugged ? words[word] | mask : words[word] & ~mask
            plugged += words[word].nonzeroBitCount - before
        }
    }

    /// How many of the blocks are plugged.
    func plugged(in blocks: Range<Int>) -> Int {
        words(of: blocks).reduce(0) { sum, part in sum + (words[part.word] & part.mask).nonzeroBitCount }
    }

    /// How many runs begin in a range of blocks.
    private func runStarts(in blocks: Range<Int>) -> Int {
        words(of: blocks).reduce(0) { sum, part in
            let carried: UInt64 = part.word > 0 ? words[part.word - 1] >> 63 : 0
            let starts = words[part.word] & ~(words[part.word] << 1 | carried)
            return sum + (starts & part.mask).nonzeroBitCount
        }
    }

    /// The next run of plugged blocks at or after a block; nil when there is none.
    func nextPlugged(from first: Int) -> Range<Int>? {
        guard let start = next(true, from: first) else { return nil }
        return start..<(next(false, from: start) ?? count)
    }

    private func next(_ isPlugged: Bool, from first: Int) -> Int? {
        var block = first
        while block < count {
            let word = isPlugged ? words[block >> 6] : ~words[block >> 6]
            let rest = word >> UInt64(block & 63)
            if rest != 0 {
                let found = block + rest.trailingZeroBitCount
                return found < count ? found : nil
            }
            block = (block | 63) + 1
        }
        return nil
    }

    /// The words that hold the blocks, each with the mask of those in it.
    private func words(of blocks: Range<Int>) -> some Sequence<(word: Int, mask: UInt64)> {
        sequence(state: blocks.lowerBound) { block in
            guard block < blocks.upperBound else { return nil }
            let end = Swift.min((block | 63) + 1, blocks.upperBound)
            let bits = UInt64(end - block)
            let mask = (bits == 64 ? UInt64.max : (1 << bits) - 1) << UInt64(block & 63)
            defer { block = end }
            return (block >> 6, mask)
        }
    }
}
