import TestSupport
import Testing

@testable import TestReport

@Suite struct ReportFormatTests {
    private static let sizeTexts: [(UInt64, String)] = [
        (0, "0"), (1, "1B"), (512, "512B"), (1023, "1023B"), (1024, "1K"), (1536, "1.5K"), (0x3000_0000, "768M"),
        (0x6000_0000, "1.5G"), (0x5000_0000, "1.25G"), (0x3_2000_0000, "12.5G"), (0x4000_0000, "1G"),
        (0x3FFF_FFFF, "1G"), (0xF_FDA8, "1023K"), (0xF_FE0C, "1M"), (0x19_0000_0000, "100G"), (5_120_000_000, "4.77G"),
        (0x4_0000_0000_0000, "1024T"), (.max, "16777216T"),
    ]

    @Test(arguments: sizeTexts)
    func sizes(bytes: UInt64, text: String) {
        #expect(ReportFormat.size(bytes) == text)
    }

    @Test func differencesOfSizes() {
        #expect(ReportFormat.size(-1536.0) == "-1.5K")
        #expect(ReportFormat.size(Double.infinity) == "inf")
    }

    private static let durationTexts: [(UInt64, String)] = [
        (0, "0 ms"), (850, "850 ms"), (999, "999 ms"), (1000, "1.0 s"), (1249, "1.2 s"), (1250, "1.3 s"),
        (59_949, "59.9 s"), (59_950, "1:00 min"), (125_400, "2:05 min"), (3_599_499, "59:59 min"),
        (3_599_500, "1:00:00 h"),
        (3_725_000, "1:02:05 h"), (.max, "5124095576030:25:52 h"),
    ]

    @Test(arguments: durationTexts)
    func durations(milliseconds: UInt64, text: String) {
        #expect(ReportFormat.duration(milliseconds: milliseconds) == text)
    }

    @Test func secondsForPrograms() {
        #expect(ReportFormat.seconds(milliseconds: 0) == "0.000")
        #expect(ReportFormat.seconds(milliseconds: 12_045) == "12.045")
    }

    private static let decimalTexts: [(Double, Int, String)] = [
        (0, 0, "0"), (0.5, 0, "1"), (-0.5, 0, "-1"), (0.4, 0, "0"), (-0.4, 0, "0"), (1.005, 1, "1.0"), (0.05, 1, "0.1"),
        (9.999, 2, "10.00"), (-12.345, 1, "-12.3"), (1e30, 2, "1e+30"), (.infinity, 1, "inf"), (.nan, 1, "nan"),
    ]

    @Test(arguments: decimalTexts)
    func decimals(value: Double, places: Int, text: String) {
        #expect(ReportFormat.decimal(value, places: places) == text)
    }

    /// Whatever the number, its text is within half of the last digit.
    @Test func decimalsAreNear() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            let value = Double.random(in: -1e6...1e6, using: &random)
            let read = Double(ReportFormat.decimal(value, places: 3)) ?? .nan
            #expect(abs(read - value) <= 0.000_500_1, "\(value)")
        }
    }

    @Test func figures() {
        #expect(ReportFormat.value(3.217, .seconds) == "3.2 s")
        #expect(ReportFormat.value(0.00042, .seconds) == "0.42 ms")
        #expect(ReportFormat.value(0.012, .seconds) == "12 ms")
        #expect(ReportFormat.value(-1.5, .seconds) == "-1.5 s")
        #expect(ReportFormat.value(1e300, .seconds) == "1e+300 s")
        #expect(ReportFormat.value(3.5e9, .bytes) == "3.26G")
        #expect(ReportFormat.value(3, .count) == "3")
        #expect(ReportFormat.value(2.0 / 3, .count) == "0.6667")
        #expect(ReportFormat.value(1234.56, .count) == "1234.6")
        #expect(ReportFormat.value(1e-9, .count) == "1e-09")
        #expect(ReportFormat.value(.nan, .count) == "nan")
    }

    @Test func changes() {
        #expect(ReportFormat.change(from: 2, to: 3) == "+50 %")
        #expect(ReportFormat.change(from: 4, to: 1) == "-75 %")
        #expect(ReportFormat.change(from: -2, to: -1) == "+50 %")
        #expect(ReportFormat.change(from: 1000, to: 1001) == "±0 %")
        #expect(ReportFormat.change(from: 0, to: 1) == "from 0")
    }
}
