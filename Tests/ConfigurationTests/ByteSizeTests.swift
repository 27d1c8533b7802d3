import Configuration
import Testing

@Suite struct ByteSizeTests {
    @Test(arguments: [
        ("0", 0), ("1", 1), ("1000", 1000), ("1K", 1024), ("3m", 3 << 20), ("8G", 8 << 30), ("2T", 2 << 40),
        ("18446744073709551615", UInt64.max), ("16777215T", 16_777_215 << 40), ("007", 7),
    ])
    func reads(text: String, bytes: UInt64) throws {
        #expect(try ByteSize(parsing: text).bytes == bytes)
    }

    @Test(arguments: [
        "", "K", "8GB", "8 G", " 8", "+8", "-", "--1", "0x10", "1.5G", "1e3", "８", "8G\n", "G8", "8KK", "5\u{600}K",
    ])
    func junkIsAnError(text: String) {
        #expect(throws: ByteSize.ParseError.malformed(text)) { try ByteSize(parsing: text) }
    }

    @Test(arguments: ["18446744073709551616", "16777216T", "17179869184G", "99999999999999999999K"])
    func overflowIsAnError(text: String) {
        #expect(throws: ByteSize.ParseError.tooLarge(text)) { try ByteSize(parsing: text) }
    }

    @Test(arguments: ["-1", "-0", "-8G"])
    func nothingIsLessThanNothing(text: String) {
        #expect(throws: ByteSize.ParseError.negative(text)) { try ByteSize(parsing: text) }
    }

    @Test func messagesSayWhatIsAllowed() {
        #expect(
            ByteSize.ParseError.negative("-1").description == "-1 is negative, which a size can't be: the least is 0")
        #expect(
            ByteSize.ParseError.malformed("8GB").description
                == "\"8GB\" is not a size: give bytes, or a number with K, M, G or T")
        #expect(ByteSize.ParseError.tooLarge("16777216T").description.hasPrefix("16777216T is too large"))
    }

    @Test(arguments: [
        (UInt64(0), "0"), (1, "1"), (1023, "1023"), (1024, "1K"), (1536, "1536"), (80 << 20, "80M"),
        (1536 << 20, "1536M"), (8 << 30, "8G"), (5 << 40, "5T"), (.max, "18446744073709551615"),
    ])
    func printsTheLargestUnitThatIsExact(bytes: UInt64, text: String) {
        #expect(ByteSize(bytes).description == text)
    }

    @Test func whatItPrintsItReads() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = UInt64.random(in: 0...(.max), using: &random) >> UInt64.random(in: 0..<64, using: &random)
            let rounded = bytes & ~((1 << UInt64.random(in: 0..<50, using: &random)) - 1)
            #expect(try ByteSize(parsing: ByteSize(rounded).description).bytes == rounded)
        }
    }
}
