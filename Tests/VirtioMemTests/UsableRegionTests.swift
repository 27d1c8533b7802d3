import Testing

@testable import VirtioMem

@Suite struct UsableRegionTests {
    private static let mebibyte: UInt64 = 1 << 20
    private static let gibibyte: UInt64 = 1 << 30

    /// The requested size and 256 MiB, rounded up to 2 GiB.
    @Test(
        arguments: [
            (0, 2 * gibibyte), (2 * mebibyte, 2 * gibibyte), (gibibyte, 2 * gibibyte),
            (2 * gibibyte - 256 * mebibyte, 2 * gibibyte), (2 * gibibyte - 254 * mebibyte, 4 * gibibyte),
            (2 * gibibyte, 4 * gibibyte), (1 << 40, 1 << 40 + 2 * gibibyte),
        ] as [(UInt64, UInt64)])
    func leavesRoomToChoose(requested: UInt64, usable: UInt64) {
        #expect(UsableRegion.size(requested: requested, region: 1 << 50, blockSize: 2 * Self.mebibyte) == usable)
    }

    @Test func isAtMostTheRegion() {
        for region in [2 * Self.mebibyte, Self.gibibyte, 3 * Self.gibibyte] {
            #expect(UsableRegion.size(requested: region, region: region, blockSize: 2 * Self.mebibyte) == region)
        }
        let huge = UInt64.max & ~(2 * Self.mebibyte - 1)
        #expect(UsableRegion.size(requested: huge, region: huge, blockSize: 2 * Self.mebibyte) == huge)
        #expect(UsableRegion.size(requested: .max, region: 4096, blockSize: 4096) == 4096)
    }

    @Test func isWholeBlocksHoweverLargeTheyAre() {
        for shift in 12..<40 as Range<UInt64> {
            let block: UInt64 = 1 << shift
            for blocks in 0...4 as ClosedRange<UInt64> {
                let usable = UsableRegion.size(requested: blocks * block, region: 64 * block, blockSize: block)
                #expect(usable % block == 0 && usable >= blocks * block && usable <= 64 * block)
            }
        }
    }
}
