import JSON
import TestSupport
import Testing

@testable import TestReport

@Suite struct TestReportJSONTests {
    private func problem(_ text: String) -> String? {
        do throws(TestReportError) {
            _ = try TestReport(parsing: Array(text.utf8))
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func randomReportsAreReadBackExactly() throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<200 {
            let report = SampleReport.random(&random)
            #expect(try TestReport(json: report.json) == report)
            #expect(try TestReport(parsing: report.jsonText) == report)
        }
    }

    @Test func whatIsNoNumberIsKept() throws {
        var report = SampleReport.report([SampleReport.testCase()])
        report.cases[0].measurements[0].value = .nan
        #expect(try TestReport(parsing: report.jsonText).cases[0].measurements[0].value.isNaN)
    }

    @Test func theTextIsWhatTheValueIs() throws {
        var random = SeededGenerator(seed: 12)
        for _ in 0..<20 {
            let report = SampleReport.random(&random)
            #expect(try JSONParser.parse(report.jsonText[...]) == report.json)
        }
    }

    @Test func eachCaseHasALine() {
        let report = SampleReport.report((0..<5).map { SampleReport.testCase("case \($0)") })
        let lines = String(decoding: report.jsonText, as: UTF8.self).split(separator: "\n")
        for number in 0..<5 {
            #expect(lines.count { $0.contains("\"case \(number)\"") } == 1)
        }
        #expect(lines.first == "{" && lines.last == "}")
        #expect(lines.contains("  \"format\": 1,"))
        #expect(lines.contains(#"  "summary": {"passed": 5, "failed": 0, "skipped": 0},"#))
        #expect(lines.contains(#"  "started": "2026-11-30T06:35:00.123Z","#))
    }

    /// What is wrong is named with its place.
    @Test(arguments: [
        (#""format": 1"#, #""format": 2"#, "format: 2 is not a form that this version reads, which is 1"),
        (#""format": 1"#, #""form": 1"#, "has no \"format\""),
        (#""version": "1.2""#, #""version": 1.2"#, "version: expected a string, found number"),
        (#""emulated": false"#, #""emulated": 0"#, "host.emulated: expected true or false, found integer"),
        (
            #""outcome": "failed", "failure""#, #""outcome": "failde", "failure""#,
            #"cases[1].outcome: "failde" is none of passed, failed, skipped"#
        ),
        (
            #""kind": "timeout""#, #""kind": "time""#,
            "cases[1].failure.kind: \"time\" is none of check, invariant, timeout, guest-hung, guest-panicked, "
                + "guest-rebooted, vmm-died, host"
        ),
        (#""failure": {"#, #""failed": {"#, "cases[1]: has no \"failure\""),
        (
            #""line": 12}"#, #""line": -1}"#,
            "cases[1].failure.line: expected a whole number from 0 to 18446744073709551615, found integer"
        ),
        (#""at": 900"#, #""at": null"#, "cases[1].failure: has no \"at\""),
        (
            #""unit": "bytes""#, #""unit": "pounds""#,
            "cases[0].measurements[1].unit: \"pounds\" is none of bytes, seconds, count"
        ),
        (#""value": 3.25"#, #""value": "3.25""#, "cases[0].measurements[0].value: expected a number, found string"),
        (
            #""number": "2", "text""#, #""number": 2, "text""#,
            "cases[0].steps[1].number: expected a string, found integer"
        ),
        ("[0, [[4294967296,", "[0, [[", "cases[0].samples[0][1][0]: a device's sample has 3 sizes, not 2"),
        (
            "[0, [[4294967296,", "[0, [[1, 2, 3], [4294967296,",
            "cases[0].samples[0][1]: the case has 1 devices, and this sample 2"
        ),
        ("[0, [[4294967296,", "[0, 1, [[4294967296,", "cases[0].samples[0]: a sample has 5 elements, not 6"),
        (
            "[100, [[", "[\"\", [[",
            "cases[0].samples[1][0]: expected a whole number from 0 to 18446744073709551615, found string"
        ),
        (#""console": ["login:"]"#, #""console": "login:""#, "cases[0].console: expected an array, found string"),
        (#""matrix": []"#, #""matrix": [7]"#, "cases[0].matrix[0]: expected an object, found integer"),
        (#""cases": ["#, #""cases": [3, "#, "cases[0]: expected an object, found integer"),
        ("\n}\n", "\n", "JSON parse error, the text ends within a value"),
    ])
    func mistakesAreNamed(right: String, wrong: String, expected: String) {
        let report = SampleReport.report([
            SampleReport.testCase(), SampleReport.testCase("shrink", outcome: SampleReport.failed()),
        ])
        let text = String(decoding: report.jsonText, as: UTF8.self)
        #expect(text.contains(right))
        #expect(problem(text) == nil)
        #expect(problem(text.replacing(right, with: wrong, maxReplacements: 1)) == expected)
    }

    @Test func whatIsNotKnownIsLeftAlone() throws {
        let report = SampleReport.report([SampleReport.testCase()])
        let text = String(decoding: report.jsonText, as: UTF8.self)
            .replacing(#""format": 1"#, with: #""format": 1, "later": {"a": [1]}"#)
            .replacing(#""matrix": []"#, with: #""matrix": [], "later": null"#)
        #expect(try TestReport(parsing: Array(text.utf8)) == report)
    }

    @Test func anythingElseIsRefused() {
        for text in ["", "null", "[]", "{}", "{\"format\": \"1\"}", "\u{0}"] {
            #expect(problem(text) != nil, "\(text)")
        }
    }
}
