/// Which blocks of a region are plugged: one bit each, and their number.
///
/// What it costs to look through the map follows the number of plugged blocks: words without one are passed over
/// 64 at a time.
struct BlockMap: Sendable {
    let count: Int
    private(set) var plugged = 0
    /// How many runs of plugged blocks there are.
    private(set) var runs = 0
    private var words: [UInt64]
    /// Which words are not zero: one bit each.
    private var occupied: [UInt64]

    /// - Parameter count: blocks, all of them unplugged.
    init(count: Int) {
        self.count = count
        words = [UInt64](repeating: 0, count: (count + 63) / 64)
        occupied = [UInt64](repeating: 0, count: (words.count + 63) / 64)
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
        if isPlugged {
            for word in Self.words(of: blocks) { replace(word, with: words[word] | Self.mask(of: blocks, in: word)) }
        } else {
            var next = nextOccupied(from: blocks.lowerBound >> 6, of: blocks)
            while let word = next {
                replace(word, with: words[word] & ~Self.mask(of: blocks, in: word))
                next = nextOccupied(from: word + 1, of: blocks)
            }
        }
    }

    private mutating func replace(_ word: Int, with bits: UInt64) {
        plugged += bits.nonzeroBitCount - words[word].nonzeroBitCount
        words[word] = bits
        let bit: UInt64 = 1 << UInt64(word & 63)
        occupied[word >> 6] = bits == 0 ? occupied[word >> 6] & ~bit : occupied[word >> 6] | bit
    }

    /// How many of the blocks are plugged.
    func plugged(in blocks: Range<Int>) -> Int {
        occupiedWords(of: blocks).reduce(0) { sum, word in
            sum + (words[word] & Self.mask(of: blocks, in: word)).nonzeroBitCount
        }
    }

    /// How many runs begin in a range of blocks.
    private func runStarts(in blocks: Range<Int>) -> Int {
        occupiedWords(of: blocks).reduce(0) { sum, word in
            let carried: UInt64 = word > 0 ? words[word - 1] >> 63 : 0
            let starts = words[word] & ~(words[word] << 1 | carried)
            return sum + (starts & Self.mask(of: blocks, in: word)).nonzeroBitCount
        }
    }

    /// The next run of plugged blocks at or after a block; nil when there is none.
    func nextPlugged(from first: Int) -> Range<Int>? {
        guard first < count, let start = nextStart(from: first) else { return nil }
        return start..<nextUnplugged(from: start)
    }

    /// The first plugged block at or after a block.
    private func nextStart(from first: Int) -> Int? {
        let rest = words[first >> 6] >> UInt64(first & 63)
        if rest != 0 { return first + rest.trailingZeroBitCount }
        guard let word = nextOccupied(from: (first >> 6) + 1, of: first..<count) else { return nil }
        return (word << 6) + words[word].trailingZeroBitCount
    }

    /// The first block at or after a block that is not plugged, or the end.
    private func nextUnplugged(from first: Int) -> Int {
        var block = first
        while block < count {
            let rest = ~words[block >> 6] >> UInt64(block & 63)
            if rest != 0 { return min(block + rest.trailingZeroBitCount, count) }
            block = (block | 63) + 1
        }
        return count
    }

    /// The next word, from one on, that holds plugged blocks and is one of those that hold a range of blocks.
    private func nextOccupied(from first: Int, of blocks: Range<Int>) -> Int? {
        let end = Self.words(of: blocks).upperBound
        var word = first
        while word < end {
            let rest = occupied[word >> 6] >> UInt64(word & 63)
            if rest != 0 {
                let found = word + rest.trailingZeroBitCount
                return found < end ? found : nil
            }
            word = (word | 63) + 1
        }
        return nil
    }

    /// The words that hold the blocks, but for those without a plugged block.
    private func occupiedWords(of blocks: Range<Int>) -> some Sequence<Int> {
        sequence(state: blocks.lowerBound >> 6) { word in
            guard let found = nextOccupied(from: word, of: blocks) else { return nil }
            word = found + 1
            return found
        }
    }

    /// The words that hold the blocks.
    private static func words(of blocks: Range<Int>) -> Range<Int> {
        blocks.isEmpty ? 0..<0 : (blocks.lowerBound >> 6)..<((blocks.upperBound - 1) >> 6) + 1
    }

    /// The bits of a word that stand for blocks of the range.
    private static func mask(of blocks: Range<Int>, in word: Int) -> UInt64 {
        let first = max(blocks.lowerBound - (word << 6), 0)
        let end = min(blocks.upperBound - (word << 6), 64)
        return (UInt64.max << UInt64(first)) & (UInt64.max >> UInt64(64 - end))
    }
}
