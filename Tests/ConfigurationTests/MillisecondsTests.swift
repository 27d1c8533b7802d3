import Configuration
import Testing

@Suite struct MillisecondsTests {
    @Test(
        arguments: [
            ("0", 0), ("0s", 0), ("500ms", 500), ("1s", 1000), ("90s", 90_000), ("2m", 120_000),
            ("1.5s", 1500), ("0.25m", 15_000), ("0.001s", 1), ("1.0ms", 1), ("0.0000025h", 9), ("0.0s", 0),
            ("8760h", 31_536_000_000),
        ] as [(String, UInt64)])
    func reads(text: String, count: UInt64) throws {
        #expect(try Milliseconds(parsing: text).count == count)
    }

    @Test(arguments: [
        "", "5", "s", "1 s", "1S", "-1s", "1.5ms", "1.s", ".5s", "1.5", "0.0001s", "1.123456789s", "1,5s", "1d", "1sms",
        "\u{661}s", "1s\u{301}",
    ])
    func junkIsAnError(text: String) {
        #expect(throws: Milliseconds.ParseError.malformed(text)) { try Milliseconds(parsing: text) }
    }

    @Test(arguments: ["8761h", "18446744073709551615h", "18446744073709551616ms", "31536000001ms", "8760.5h"])
    func moreThanAYearIsAnError(text: String) {
        #expect(throws: Milliseconds.ParseError.tooLong(text)) { try Milliseconds(parsing: text) }
    }

    @Test(
        arguments: [(0, "0"), (1, "1ms"), (1000, "1s"), (1500, "1500ms"), (60_000, "1m"), (7_200_000, "2h")]
            as [(UInt64, String)])
    func printsTheLongestUnitThatIsExact(count: UInt64, text: String) throws {
        #expect(Milliseconds(count).description == text)
        #expect(try Milliseconds(parsing: text).count == count)
    }
}
