import Testing

@testable import KVM

@Suite struct ProcessorLayoutTests {
    @Test(
        arguments: [
            (ProcessorLayout(sockets: 1, cores: 1, threads: 1), [0]),
            (ProcessorLayout(sockets: 2, cores: 1, threads: 1), [0, 1]),
            (ProcessorLayout(sockets: 1, cores: 4, threads: 1), [0, 1, 2, 3]),
            (ProcessorLayout(sockets: 2, cores: 2, threads: 1), [0, 1, 2, 3]),
            // Three cores take two bits, so the second socket begins at 4.
            (ProcessorLayout(sockets: 2, cores: 3, threads: 1), [0, 1, 2, 4, 5, 6]),
            (ProcessorLayout(sockets: 1, cores: 3, threads: 2), [0, 1, 2, 3, 4, 5]),
            // Three threads take two bits.
            (ProcessorLayout(sockets: 1, cores: 2, threads: 3), [0, 1, 2, 4, 5, 6]),
            (ProcessorLayout(sockets: 3, cores: 1, threads: 2), [0, 1, 2, 3, 4, 5]),
        ] as [(ProcessorLayout, [UInt32])])
    func eachLevelHasItsFieldOfTheAPICID(layout: ProcessorLayout, ids: [UInt32]) {
        #expect(layout.count == ids.count)
        #expect((0..<layout.count).map { layout.apicID(of: $0) } == ids)
    }

    @Test func fieldsAreAsWideAsTheirCountNeeds() {
        let widths: [(Int, UInt32)] = [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (255, 8)]
        for (count, bits) in widths {
            #expect(ProcessorLayout(sockets: 1, cores: 1, threads: count).threadBits == bits)
            #expect(ProcessorLayout(sockets: 1, cores: count, threads: 1).socketBits == bits)
        }
        #expect(ProcessorLayout(sockets: 7, cores: 3, threads: 2).socketBits == 3)
    }
}
