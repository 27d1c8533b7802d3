import Control
import TestSupport
import Testing

@Suite struct MemorySpreadTests {
    private func device(
        _ id: String, node: UInt64 = 0, requested: UInt64 = 0, maximum: UInt64 = 8 << 30, blockSize: UInt64 = 2 << 20
    ) -> DeviceReport {
        DeviceReport(
            id: id, node: node, requestedSize: requested, size: 0, maximumSize: maximum, blockSize: blockSize)
    }

    private func spread(_ devices: [DeviceReport], _ total: UInt64) throws(MemorySpread.Failure) -> [UInt64] {
        try MemorySpread(devices, total: total).sizes
    }

    @Test func theLeastFullNodeComesFirst() throws {
        let devices = [
            device("a", node: 0, requested: 4 << 30), device("b", node: 1), device("c", node: 2, requested: 1 << 30),
        ]
        #expect(try spread(devices, 6 << 30) == [4 << 30, 1 << 30, 1 << 30])
        #expect(try spread(devices, 12 << 30) == [4 << 30, 4 << 30, 4 << 30])
        #expect(try spread(devices, 24 << 30) == [8 << 30, 8 << 30, 8 << 30])
    }

    @Test func theFullestNodeGivesFirst() throws {
        let devices = [device("a", node: 0, requested: 4 << 30), device("b", node: 1, requested: 1 << 30)]
        #expect(try spread(devices, 2 << 30) == [1 << 30, 1 << 30])
        #expect(try spread(devices, 0) == [0, 0])
        #expect(try spread(devices, 5 << 30) == [4 << 30, 1 << 30], "what is there stays")
    }

    /// Full is what has its most, not what has much.
    @Test func smallNodesGetTheirShare() throws {
        let devices = [device("a", node: 0, maximum: 1 << 30), device("b", node: 1, maximum: 3 << 30)]
        #expect(try spread(devices, 2 << 30) == [512 << 20, 1536 << 20])
    }

    @Test func devicesOfANodeShareToo() throws {
        #expect(try spread([device("a"), device("b")], 2 << 30) == [1 << 30, 1 << 30])
    }

    /// Where blocks are too large for what is missing, others make up for one of them.
    @Test func devicesWithSmallBlocksMakeUpForLargeOnes() throws {
        let large = device("a", requested: 1 << 30, blockSize: 1 << 30)
        #expect(try spread([large, device("b")], 512 << 20) == [0, 512 << 20])
        let full = device("b", requested: 2 << 30, maximum: 2 << 30)
        #expect(try spread([large, full], 3 << 30 + 512 << 20) == [2 << 30, 1536 << 20])
    }

    @Test func whatCannotBeIsSaid() {
        #expect(throws: MemorySpread.Failure.noDevices) { try spread([], 0) }
        #expect(throws: MemorySpread.Failure.tooMuch(most: 16 << 30)) {
            try spread([device("a"), device("b")], 17 << 30)
        }
        #expect(throws: MemorySpread.Failure.unreachable(below: 2 << 20, above: 4 << 20)) {
            try spread([device("a")], 3 << 20)
        }
        #expect(throws: MemorySpread.Failure.unreachable(below: 2 << 20, above: 4 << 20)) {
            try spread([device("a", requested: 1 << 30)], 3 << 20)
        }
        #expect(
            "\(MemorySpread.Failure.unreachable(below: 2 << 20, above: 4 << 20))"
                == "the blocks of its devices allow 2M and 4M, and nothing between")
    }

    /// Whatever the devices: the sum is what was asked for, each has whole blocks and no more than it can.
    @Test func anySpreadIsExact() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<300 {
            let devices = (0..<Int.random(in: 1...6, using: &generator)).map { index in
                let block: UInt64 = 2 << (20 + UInt64.random(in: 0...6, using: &generator))
                let blocks = UInt64.random(in: 1...200, using: &generator)
                return device(
                    "\(index)", node: UInt64.random(in: 0...2, using: &generator),
                    requested: UInt64.random(in: 0...blocks, using: &generator) * block, maximum: blocks * block,
                    blockSize: block)
            }
            let largest = devices.map(\.blockSize).max() ?? 1
            let most = devices.reduce(0) { $0 + $1.maximumSize }
            let total = UInt64.random(in: 0...most, using: &generator) / largest * largest
            guard let sizes = try? spread(devices, total) else { continue }
            #expect(sizes.reduce(0, +) == total)
            for (device, size) in zip(devices, sizes) {
                #expect(size % device.blockSize == 0 && size <= device.maximumSize)
            }
        }
    }
}
