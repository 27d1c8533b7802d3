import TestSupport
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
