import JSON
import TestSupport
import Testing

@testable import TestReport

@Suite struct TAPReportTests {
    private func lines(_ cases: [CaseReport]) -> [String] {
        TAPReport(SampleReport.report(cases)).text.split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
    }

    @Test func outcomes() {
        let lines = lines([
            SampleReport.testCase("a", matrix: [.init("kernel", "6.1")]),
            SampleReport.testCase("b", outcome: .skipped("no kernel")),
            SampleReport.testCase("c", outcome: SampleReport.failed(.guestHung, "it says \"no\"\n# really")),
            SampleReport.testCase("d", outcome: SampleReport.failed(line: nil)),
        ])
        #expect(
            lines == [
                "TAP version 14", "1..4", "# Swiftlet 1.2, seed 42, host kernel 6.12.30",
                "ok 1 - a [kernel=6.1] # time=1000ms",
                "ok 2 - b # SKIP no kernel", "not ok 3 - c # time=1000ms", "  ---",
                #"  message: "it says \"no\"\n# really""#, "  kind: guest-hung", #"  step: "2 resize vm0 to 4G""#,
                #"  file: "scenarios/c.yaml""#, "  line: 12", "  at: 900ms", "  seed: 7", "  ...",
                "not ok 4 - d # time=1000ms", "  ---", #"  message: "vm0 is not at 4G""#, "  kind: timeout",
                #"  step: "2 resize vm0 to 4G""#, #"  file: "scenarios/d.yaml""#, "  at: 900ms", "  seed: 7", "  ...",
                "",
            ])
    }

    @Test func titlesBecomeNoDirectives() {
        let lines = lines([SampleReport.testCase("a # SKIP \\ x\nnot ok 7\r\t\u{1B}", outcome: .skipped("b # c\nd"))])
        #expect(lines[3] == "ok 1 - a \\# SKIP \\\\ x not ok 7\u{240D} \u{241B} # SKIP b \\# c d")
    }

    @Test func nothingRan() {
        #expect(lines([])[1] == "1..0")
    }

    /// Every line is one that the protocol knows, and every point is there once.
    @Test func randomReports() throws {
        var random = SeededGenerator(seed: 31)
        for _ in 0..<200 {
            let report = SampleReport.random(&random)
            var isInBlock = false
            var points = 0
            let text = TAPReport(report).text
            // Line ends of all kinds.
            for line in text.dropLast().split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).dropFirst(
                3)
            {
                if isInBlock {
                    #expect(line.hasPrefix("  "))
                    isInBlock = line != "  ..."
                    if isInBlock, line.contains(": \"") {
                        let value = line.split(separator: ": ", maxSplits: 1)[1]
                        #expect(try JSONParser.parse(Array(value.utf8)[...]).string != nil)
                    }
                } else if line == "  ---" {
                    isInBlock = true
                } else {
                    points += 1
                    let isFailure = report.cases[points - 1].failure != nil
                    #expect(line.hasPrefix("\(isFailure ? "not " : "")ok \(points) - "))
                }
            }
            #expect(!isInBlock && points == report.cases.count)
        }
    }
}
