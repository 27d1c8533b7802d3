import Testing

@testable import TestReport

@Suite struct ReportComparisonTests {
    private typealias Finding = ReportComparison.Finding

    private func compare(_ before: [CaseReport], _ after: [CaseReport], threshold: Double = 0.2) -> ReportComparison {
        ReportComparison(before: SampleReport.report(before), after: SampleReport.report(after), threshold: threshold)
    }

    private func kinds(_ comparison: ReportComparison) -> [Finding.Kind] {
        comparison.findings.map(\.kind)
    }

    private let passed = SampleReport.testCase()
    private let failed = SampleReport.testCase(outcome: SampleReport.failed())
    private let skipped = SampleReport.testCase(outcome: .skipped("no kernel"))

    // MARK: Outcomes

    @Test func theSameIsNotWorse() {
        let comparison = compare([passed], [passed])
        #expect(comparison.findings.isEmpty && !comparison.isWorse)
        #expect(comparison.text == "nothing got worse\n")
    }

    @Test func outcomes() {
        let cases: [([CaseReport], [CaseReport], Finding.Kind, Bool)] = [
            ([passed], [failed], .lessSuccessful, true), ([failed], [passed], .moreSuccessful, false),
            ([failed], [failed], .stillFailing, false), ([passed], [skipped], .noLongerRun, false),
            ([passed], [], .missing, false), ([], [failed], .new, false), ([], [passed], .new, false),
            ([skipped], [failed], .new, false),
        ]
        for (before, after, kind, isWorse) in cases {
            let comparison = compare(before, after)
            #expect(kinds(comparison) == [kind])
            #expect(comparison.isWorse == isWorse, "\(kind)")
        }
        #expect(compare([skipped], [skipped]).findings.isEmpty)
    }

    @Test func casesAreMatchedByTheirMatrix() {
        let settings: [CaseReport.Setting] = [.init("kernel", "6.1"), .init("block", "2M")]
        let one = SampleReport.testCase(matrix: settings, outcome: SampleReport.failed())
        #expect(kinds(compare([one], [SampleReport.testCase(matrix: settings.reversed())])) == [.moreSuccessful])
        #expect(kinds(compare([passed], [one])) == [.missing, .new])
        #expect(kinds(compare([passed], [SampleReport.testCase("other")])) == [.missing, .new])
    }

    @Test func sharesOfRepeatedCases() {
        let comparison = compare([passed, passed, failed, skipped], [passed, failed, failed])
        #expect(kinds(comparison) == [.lessSuccessful, .successRate])
        #expect(comparison.findings[0].before == "2 of 3 passed" && comparison.findings[0].after == "1 of 3 passed")
        #expect(comparison.findings[1].before == "2 of 3 (67 %)" && comparison.findings[1].after == "1 of 3 (33 %)")
        #expect(comparison.findings[1].note == "-33 points")
        #expect(comparison.isWorse)
        #expect(kinds(compare([passed, failed], [passed, passed])) == [.moreSuccessful, .successRate])
        #expect(compare([passed, passed], [passed]).findings.isEmpty)
    }

    // MARK: Figures and times

    private func measured(_ name: String, _ value: Double, _ unit: CaseReport.Measurement.Unit) -> CaseReport {
        var testCase = passed
        testCase.measurements = [.init(name, value, unit)]
        return testCase
    }

    @Test(arguments: [
        ("resize", 1.0, 1.19, CaseReport.Measurement.Unit.seconds, ReportComparison.Finding.Kind?.none),
        ("resize", 1.0, 1.21, .seconds, .worseMeasurement), ("resize", 1.21, 1.0, .seconds, .none),
        ("resize", 1.3, 1.0, .seconds, .betterMeasurement), ("resize", 0.001, 0.009, .seconds, .none),
        ("resize", 0.001, 0.02, .seconds, .worseMeasurement),
        ("returned after", 1.0, 2.0, .seconds, .betterMeasurement),
        ("resident", 4e6, 6e6, .bytes, .none), ("resident", 4e6, 6.2e6, .bytes, .worseMeasurement),
        ("resident", 1e9, 1.1e9, .bytes, .none), ("returned to host", 1e9, 5e8, .bytes, .worseMeasurement),
        ("Returned to host", 5e8, 1e9, .bytes, .betterMeasurement),
        ("not returned", 5e8, 1e9, .bytes, .worseMeasurement),
        ("retries", 3, 30, .count, .changedMeasurement), ("retries", 30, 3, .count, .changedMeasurement),
        ("retries", 10, 11, .count, .none), ("retries", 0, 1, .count, .changedMeasurement),
        ("ratio", 1, .infinity, .count, .changedMeasurement), ("ratio", .infinity, .infinity, .count, .none),
        ("ratio", .nan, .nan, .count, .none),
    ])
    func measurements(
        name: String, before: Double, after: Double, unit: CaseReport.Measurement.Unit,
        kind: ReportComparison.Finding.Kind?
    ) {
        let comparison = compare([measured(name, before, unit)], [measured(name, after, unit)])
        #expect(kinds(comparison) == [kind].compactMap(\.self))
        #expect(comparison.isWorse == (kind == .worseMeasurement))
    }

    @Test func anotherUnitIsAChange() {
        #expect(kinds(compare([measured("a", 1, .bytes)], [measured("a", 1, .count)])) == [.changedMeasurement])
    }

    @Test func figuresOfFailedRunsDoNotCount() {
        var worse = failed
        worse.measurements[0].value = 100
        #expect(kinds(compare([passed], [passed, worse])) == [.lessSuccessful, .successRate])
    }

    @Test func figuresOfRepeatedCasesAreMedians() {
        let runs = [1.0, 1.1, 50].map { measured("resize", $0, .seconds) }
        #expect(compare([measured("resize", 1.0, .seconds)], runs).findings.isEmpty)
    }

    @Test func timesOfCasesAndSteps() {
        var slow = passed
        slow.milliseconds += 1500
        slow.steps[1].milliseconds += 1500
        let comparison = compare([passed], [slow])
        #expect(kinds(comparison) == [.slower, .slower] && comparison.isWorse)
        #expect(comparison.findings.map(\.part) == ["step 2: resize vm0 to 4G", ""])
        #expect(comparison.findings.map(\.note) == ["+300 %", "+150 %"])
        #expect(kinds(compare([slow], [passed])) == [.faster, .faster])
        // More than the share, but no second; and a second, but not the share.
        var hardly = passed
        hardly.milliseconds += 1000
        #expect(compare([passed], [hardly]).findings.isEmpty)
        #expect(compare([passed], [slow], threshold: 4).findings.isEmpty)
        // Another step has the number.
        slow.milliseconds = passed.milliseconds
        slow.steps[1].text = "something else"
        #expect(compare([passed], [slow]).findings.isEmpty)
    }

    @Test func timesOfUnlikeHostsAreNotCompared() {
        var after = SampleReport.report([passed])
        after.cases[0].milliseconds = 100_000
        after.cases[0].measurements[0].value = 100
        after.cases[0].measurements[1].value = 1e12
        after.host.isEmulated = true
        let comparison = ReportComparison(before: SampleReport.report([passed]), after: after)
        #expect(comparison.findings.map(\.part) == ["resident"])
        #expect(comparison.text.hasPrefix("The hosts differ, and one was emulated: times are not compared.\n"))
    }

    // MARK: Text

    @Test func theTextIsGroupedAndAligned() {
        var before = [passed, SampleReport.testCase("shrink to nothing"), SampleReport.testCase("gone")]
        before[0].measurements = [.init("a", 1, .seconds), .init("long", 1, .seconds)]
        var after = [
            passed, SampleReport.testCase("shrink to nothing", outcome: SampleReport.failed(.check, "no\u{1B}\n!")),
        ]
        after[0].measurements = [.init("a", 2, .seconds), .init("long", 10.5, .seconds)]
        #expect(
            compare(before, after).text == """
                Less successful (1):
                  shrink to nothing  passed → failed  check: no\u{241B} !

                Worse measurements (2):
                  grow, long  1.0 s → 10.5 s  +950 %
                  grow, a     1.0 s → 2.0 s   +100 %

                Missing (1):
                  gone  passed

                1 case is less successful, 2 measurements are worse; 1 case is missing

                """)
    }
}
