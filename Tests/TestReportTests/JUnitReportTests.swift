import TestSupport
import Testing

@testable import TestReport

@Suite struct JUnitReportTests {
    private func read(_ report: TestReport) -> MarkupReader {
        MarkupReader(JUnitReport(report).text, isHTML: false)
    }

    @Test func randomReportsAreWellFormed() {
        var random = SeededGenerator(seed: 21)
        for _ in 0..<200 {
            let report = SampleReport.random(&random)
            let xml = read(report)
            #expect(xml.problems == [])
            #expect(xml.all("testcase").count == report.cases.count)
            #expect(xml.all("testsuite").count == Set(report.cases.map(\.file)).count)
            let known: Set = [
                "testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped",
                "system-out",
            ]
            #expect(known.isSuperset(of: xml.elements.map(\.name)))
        }
    }

    @Test func suitesAreFilesAndCount() throws {
        let xml = read(
            SampleReport.report([
                SampleReport.testCase("a"), SampleReport.testCase("b", outcome: .skipped("no such kernel")),
                SampleReport.testCase("a", outcome: SampleReport.failed()),
                SampleReport.testCase("a", outcome: SampleReport.failed(.vmmDied)),
                SampleReport.testCase("b", outcome: SampleReport.failed(.host)),
            ]))
        let all = try #require(xml.all("testsuites").first).attributes
        #expect(all["tests"] == "5" && all["failures"] == "1" && all["errors"] == "2" && all["skipped"] == "1")
        #expect(all["time"] == "65.432" && all["timestamp"] == "2026-11-30T06:35:00.123Z")
        let suites = xml.all("testsuite").map(\.attributes)
        #expect(suites.map { $0["name"] } == ["scenarios/a.yaml", "scenarios/b.yaml"])
        #expect(suites.map { $0["tests"] } == ["3", "2"])
        #expect(suites.map { $0["time"] } == ["3.000", "2.000"])
        #expect(suites[0]["timestamp"] == "2026-11-30T06:35:01.623Z")
        #expect(xml.all("skipped").map { $0.attributes["message"] } == ["no such kernel"])
        #expect(xml.all("error").map { $0.attributes["type"] } == ["vmm-died", "host"])
    }

    @Test func casesHaveNamesOfTheirOwn() {
        let testCase = SampleReport.testCase(matrix: [.init("kernel", "6.1")])
        let cases = read(SampleReport.report([testCase, testCase])).all("testcase").map(\.attributes)
        #expect(cases.map { $0["name"] } == ["grow [kernel=6.1]", "grow [kernel=6.1] (run 2)"])
        #expect(cases.map { $0["classname"] } == ["grow", "grow"])
        #expect(cases.map { $0["time"] } == ["1.000", "1.000"])
    }

    @Test func failuresSayAllThatIsKnown() throws {
        var testCase = SampleReport.testCase(outcome: SampleReport.failed(.check, "it's < 4G\nnow"))
        testCase.console = (0..<100).map { "line \($0)\r" }
        let failure = try #require(read(SampleReport.report([testCase])).all("failure").first)
        #expect(failure.attributes == ["type": "check", "message": "it's < 4G\nnow"])
        for part in [
            "it's < 4G", "step 2: resize vm0 to 4G", "scenarios/grow.yaml:12", "after 0.900 s, seed 7",
            "virtio1: plugged",
            "line 50\nline 51\n", "line 99",
        ] {
            #expect(failure.text.contains(part), "\(part)")
        }
        #expect(!failure.text.contains("line 49"))
    }

    @Test func whatCommandsWroteIsTheOutput() {
        let outputs = read(SampleReport.report([SampleReport.testCase()])).all("system-out").map(\.text)
        #expect(outputs == ["step 1: boot\none <line>\nanother"])
    }

    @Test func propertiesHoldTheHostAndTheFigures() {
        let xml = read(SampleReport.report([SampleReport.testCase(matrix: [.init("kernel", "6.1")])]))
        let properties = xml.all("property").map { "\($0.attributes["name"] ?? "")=\($0.attributes["value"] ?? "")" }
        for property in [
            "swiftlet=1.2", "host-kernel=6.12.30", "seed=42", "seed=7", "kernel=6.1", "resize (seconds)=3.25",
            "resident (bytes)=4000000000", "retries (count)=3",
        ] {
            #expect(properties.contains(property), "\(property)")
        }
    }
}
