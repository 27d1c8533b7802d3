import Testing

@testable import GuestMemory

@Suite struct BlockMapTests {
    @Test(arguments: [1, 63, 64, 65, 200, 1000])
    func agreesWithAPlainSet(count: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        var map = BlockMap(count: count)
        var plugged = Set<Int>()
        for _ in 0..<300 {
            let first = Int.random(in: 0..<count, using: &generator)
            let blocks = first..<Int.random(in: first...count, using: &generator)
            let isPlugged = Bool.random(using: &generator)
            map.set(blocks, isPlugged)
            isPlugged ? plugged.formUnion(blocks) : plugged.subtract(blocks)

            #expect(map.plugged == plugged.count)
            #expect(map.runs == plugged.count { !plugged.contains($0 - 1) })
            #expect(map.plugged(in: blocks) == (isPlugged ? blocks.count : 0))
            #expect(map[first] == plugged.contains(first))
            let start = Int.random(in: 0..<count, using: &generator)
            let next = (start..<count).first { plugged.contains($0) }
            let end = next.map { begin in (begin..<count).first { !plugged.contains($0) } ?? count }
            #expect(map.nextPlugged(from: start)?.lowerBound == next)
            #expect(map.nextPlugged(from: start)?.upperBound == end)
        }
    }
}

/// Numbers that look random and are the same in each run (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
