import Testing

@testable import VirtioMem

@Suite struct VirtioMemConfigurationTests {
    private static let configuration = VirtioMemConfiguration(
        blockSize: 0x0102_0304_0506_0708, node: 0x1112, address: 0x2122_2324_2526_2728,
        regionSize: 0x3132_3334_3536_3738, usableRegionSize: 0x4142_4344_4546_4748,
        pluggedSize: 0x5152_5354_5556_5758, requestedSize: 0x6162_6364_6566_6768)

    /// The layout of the specification, byte by byte.
    private static let bytes: [UInt8] =
        [0x08, 7, 6, 5, 4, 3, 2, 1] + [0x12, 0x11, 0, 0, 0, 0, 0, 0]
        + [2, 3, 4, 5, 6].flatMap { field in (1...8).reversed().map { UInt8(field) << 4 | UInt8($0) } }

    @Test func theLayoutIsThatOfTheSpecification() {
        #expect(Self.bytes.count == Int(VirtioMemConfiguration.byteCount))
        for (offset, byte) in Self.bytes.enumerated() {
            #expect(Self.configuration.read(offset: UInt64(offset), size: 1) == UInt64(byte))
        }
    }

    @Test(arguments: 1...8)
    func anyOffsetCanBeReadAtAnyWidth(size: Int) {
        for offset in 0..<70 {
            let expected = (0..<size).reduce(0 as UInt64) { value, index in
                let byte = offset + index < Self.bytes.count ? Self.bytes[offset + index] : 0
                return value | UInt64(byte) << (8 * UInt64(index))
            }
            #expect(Self.configuration.read(offset: UInt64(offset), size: size) == expected)
        }
    }

    @Test func whatIsNotThereIsZero() {
        for offset in [56, 57, 0x1000, UInt64.max, UInt64.max - 7] {
            for size in 1...8 { #expect(Self.configuration.read(offset: offset, size: size) == 0) }
        }
        for size in [0, -1, 9, 16, Int.max, Int.min] { #expect(Self.configuration.read(offset: 0, size: size) == 0) }
    }

    @Test func featuresHaveTheirBits() {
        #expect(VirtioMemFeature.acpiProximityDomain == 1)
        #expect(VirtioMemFeature.unpluggedInaccessible == 2)
    }
}
