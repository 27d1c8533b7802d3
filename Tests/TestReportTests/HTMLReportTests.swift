import TestSupport
import Testing

@testable import TestReport

@Suite struct HTMLReportTests {
    private func read(_ report: TestReport) -> MarkupReader {
        MarkupReader(HTMLReport(report).text, isHTML: true)
    }

    /// Nothing that a report says becomes markup, every link leads somewhere, and nothing is loaded.
    @Test func randomReportsAreWellFormed() {
        var random = SeededGenerator(seed: 41)
        for _ in 0..<100 {
            let report = SampleReport.random(&random)
            let html = read(report)
            #expect(html.problems == [])
            let names = Set(html.elements.map(\.name))
            #expect(
                names.isDisjoint(with: ["script", "img", "link", "iframe", "object", "image", "use", "foreignObject"]))
            let ids = html.elements.compactMap { $0.attributes["id"] }
            #expect(Set(ids).count == ids.count)
            let links = html.elements.compactMap { $0.attributes["href"] }
            #expect(links.allSatisfy { $0.hasPrefix("#") && ids.contains(String($0.dropFirst())) })
            #expect(links.count >= report.cases.count)
            let labels = html.elements.compactMap { $0.attributes["aria-labelledby"] }.flatMap {
                $0.split(separator: " ")
            }
            #expect(labels.allSatisfy { ids.contains(String($0)) })
            #expect(!html.elements.contains { $0.attributes.keys.contains { $0.hasPrefix("on") || $0 == "src" } })
        }
    }

    @Test func nothingIsElsewhere() {
        let text = HTMLReport(SampleReport.report([SampleReport.testCase(outcome: SampleReport.failed())])).text
        for part in ["http:", "https:", "://", "url(", "@import", "<script"] {
            #expect(!text.contains(part), "\(part)")
        }
    }

    /// Every text of a report is shown as what it is.
    @Test func hostileTextsAreShown() throws {
        let hostile = "<b title=\"'&amp;'\">\u{1B}\u{FFFE}</b>"
        let shown = "<b title=\"'&amp;'\">\u{241B}\u{FFFD}</b>"
        let testCase = CaseReport(
            scenario: "S" + hostile, about: "A" + hostile, file: "F" + hostile,
            matrix: [.init("N" + hostile, "V" + hostile), .init("O", "W" + hostile)], seed: 1,
            outcome: .failed(CaseFailure(.check, "M" + hostile, at: 1)),
            steps: [StepReport(number: "X" + hostile, text: "T" + hostile, line: 1, output: "O" + hostile)],
            measurements: [.init("Q" + hostile, 1, .count)], devices: ["D" + hostile, "E"],
            samples: [SampleReport.sample(at: 0, size: 1, devices: 2)], kernelLog: ["K" + hostile],
            console: ["C" + hostile])
        var report = SampleReport.report(
            [testCase], host: TestHost(isEmulated: true, kernel: "U" + hostile, processor: "P" + hostile))
        report.version = "R" + hostile
        let html = read(report)
        #expect(html.problems == [])
        #expect(html.all("b").allSatisfy { $0.attributes.isEmpty })
        let body = try #require(html.all("body").first).text
        for letter in "SAFNVWMXTOQDKCUPR" {
            #expect(body.contains("\(letter)\(shown)"), "\(letter)")
        }
    }

    @Test func theHeaderTellsTheCounts() throws {
        var report = SampleReport.report([
            SampleReport.testCase("a"), SampleReport.testCase("b", outcome: SampleReport.failed()),
            SampleReport.testCase("c", outcome: .skipped("why not")), SampleReport.testCase("d"),
        ])
        let html = read(report)
        #expect(html.all("h1").map(\.text) == ["1 of 3 cases failed"])
        let header = try #require(html.all("header").first).text
        for part in ["2 passed", "1 failed", "1 skipped", "2026-11-30 06:35:00 UTC", "1:05 min", "6.12.30", "42"] {
            #expect(header.contains(part), "\(part)")
        }
        #expect(header.contains("swiftlet test --rerun report.json") && !header.contains("emulated"))
        report.cases.remove(at: 1)
        report.host.isEmulated = true
        let better = try #require(read(report).all("header").first).text
        #expect(better.contains("2 cases passed") && !better.contains("--rerun") && better.contains("emulated"))
        #expect(read(SampleReport.report([])).all("h1").map(\.text) == ["No case ran"])
    }

    @Test func whatFailedIsOpen() {
        let cases = (0..<20).map { SampleReport.testCase("c\($0)", outcome: $0 == 3 ? SampleReport.failed() : .passed) }
        let html = read(SampleReport.report(cases))
        #expect(html.all("details", "case failed").map { $0.attributes["open"] } == [""])
        #expect(html.all("details", "case passed").count { $0.attributes["open"] != nil } == 0)
        let failure = html.all("div", "message failed").map(\.text)
        #expect(failure == ["timeout vm0 is not at 4G\nIn step 2, after 900 ms, line 12"])
    }

    @Test func stepsThatWereInterruptedHaveTheirTime() throws {
        var testCase = SampleReport.testCase(outcome: SampleReport.failed())
        testCase.steps[0].outcome = .interrupted
        let rows = read(SampleReport.report([testCase])).all("tr", "interrupted").map(\.text)
        #expect(rows.count == 1 && rows[0].contains("interrupted") && rows[0].contains("400 ms"), "\(rows)")
    }

    @Test func stepsAndFiguresAreShown() throws {
        let html = read(SampleReport.report([SampleReport.testCase()]))
        let steps = try #require(html.all("table", "steps").first).text
        for part in ["resize vm0 to 4G", "400 ms", "500 ms", "12", "one <line>\nanother"] {
            #expect(steps.contains(part), "\(part)")
        }
        let figures = try #require(html.all("table", "measurements").first).text
        for part in ["resize3.3 s", "resident3.73G", "retries3"] { #expect(figures.contains(part), "\(part)") }
    }

    @Test func aMatrixOfTwoDimensionsIsATable() {
        let cases = ["6.1", "6.12"].flatMap { kernel in
            ["2M", "4M", "8M"].map { SampleReport.testCase(matrix: [.init("kernel", kernel), .init("block", $0)]) }
        }
        var report = SampleReport.report(cases)
        report.cases[4].outcome = SampleReport.failed()
        report.cases.remove(at: 1)
        let html = read(report)
        #expect(html.all("h2").map(\.text).contains("Matrix of grow"))
        let rows = html.all("tr").map(\.text)
        #expect(rows.contains("kernelblock") && rows.contains("2M8M4M"))
        #expect(html.all("td", "failed").count == 1 && html.all("td", "absent").count == 1)
        #expect(html.all("td", "passed").count == 4)
        #expect(html.all("td", "failed")[0].text.contains("resident3.73G"))
    }

    @Test func aMatrixOfOneDimensionIsAList() {
        let html = read(
            SampleReport.report(
                ["2M", "4M", "2M"].enumerated().map { index, size in
                    var testCase = SampleReport.testCase(matrix: [.init("block", size)])
                    testCase.measurements[0].value = Double(index + 1)
                    return testCase
                }))
        let rows = html.all("tr").map(\.text)
        #expect(rows.contains("blockoutcometookresizeresidentretries"))
        #expect(rows.contains("2M✓ passed ✓ passed1.0 s1.0 s – 3.0 s3.73G3"))
        #expect(rows.contains("4M✓ passed1.0 s2.0 s3.73G3"))
    }
}
