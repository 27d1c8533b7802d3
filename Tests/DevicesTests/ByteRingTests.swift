import TestSupport
import Testing

@testable import Devices

@Suite struct ByteRingTests {
    /// Against an array that does the same.
    @Test(arguments: [1, 16, 1023, 1024, 1025, 5000])
    func behavesAsAQueue(capacity: Int) {
        var random = SeededGenerator(seed: UInt64(capacity))
        var ring = ByteRing(capacity: capacity)
        var model: [UInt8] = []
        for _ in 0..<500 {
            if random.next() % 2 == 0 {
                for _ in 0..<(random.next() % UInt64(capacity + 10)) {
                    let byte = UInt8(truncatingIfNeeded: random.next())
                    let isTaken = ring.append(byte)
                    if isTaken != (model.count < capacity) { Issue.record("\(model.count) of \(capacity)") }
                    if isTaken { model.append(byte) }
                }
            } else if random.next() % 4 == 0 {
                let first = ring.removeFirst()
                #expect(first == model.first)
                if !model.isEmpty { model.removeFirst() }
            } else {
                let limit = Int(random.next() % UInt64(capacity + 10))
                var taken: [UInt8] = []
                ring.removeFirst(limit, appendingTo: &taken)
                let isSame = taken == Array(model.prefix(limit))
                #expect(isSame)
                model.removeFirst(min(limit, model.count))
            }
            #expect(ring.count == model.count)
        }
        ring.removeAll()
        #expect(ring.isEmpty)
        #expect(ring.removeFirst() == nil)
    }
}
