import Host
import Testing

@Suite struct UTCTimeTests {
    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_399_999_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00.000Z"), (1_795_507_200_001_000, "2026-11-24T08:00:00.001Z"),
        ] as [(UInt64, String)])
    func momentsAreShown(microseconds: UInt64, text: String) {
        #expect(UTCTime(microseconds: microseconds).description == text)
    }

    /// However far a clock is off, there is a line in the log.
    @Test func everyMomentIsShown() {
        #expect(UTCTime(microseconds: .max).description.hasSuffix("Z"))
    }
}
