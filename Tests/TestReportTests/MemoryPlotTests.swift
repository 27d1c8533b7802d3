import TestSupport
import Testing

@testable import TestReport

@Suite struct MemoryPlotTests {
    // MARK: Axes

    @Test func sizesHaveBinaryTicks() {
        #expect(PlotAxis.bytes(upTo: 0).ticks == [0, 1])
        let axis = PlotAxis.bytes(upTo: Double(4 << 30) + 1)
        #expect(axis.ticks.map { ReportFormat.size($0) } == ["0", "1G", "2G", "3G", "4G", "5G"])
        let small = PlotAxis.bytes(upTo: Double(700 << 20))
        #expect(small.ticks.map { ReportFormat.size($0) } == ["0", "256M", "512M", "768M"])
    }

    @Test func axesHoldWhatTheyAreFor() {
        var random = SeededGenerator(seed: 51)
        for _ in 0..<1000 {
            let value = random.next() >> UInt64.random(in: 0...63, using: &random)
            let bytes = PlotAxis.bytes(upTo: Double(value))
            #expect(bytes.maximum >= Double(value) && bytes.maximum == bytes.ticks.last)
            #expect((2...6).contains(bytes.ticks.count))
            #expect(bytes.ticks[1].significand == 1)
            let time = PlotAxis.time(upTo: value)
            #expect((2...11).contains(time.ticks.count), "\(value)")
            #expect(time.ticks.allSatisfy { $0 <= time.maximum } && time.maximum == Double(max(value, 1)))
        }
    }

    @Test func labelsDoNotCoverEachOther() {
        var labels = PlotLabels(rows: 2)
        #expect(labels.place("1", at: 100) == 0)
        #expect(labels.place("2", at: 103) == 1)
        #expect(labels.place("3", at: 106) == nil)
        #expect(labels.place("4", at: 120) == 0)
        #expect(labels.place("a long one", at: 150) == 1)
    }

    // MARK: Reduction

    @Test func reductionKeepsLeastAndGreatest() {
        var random = SeededGenerator(seed: 52)
        for _ in 0..<50 {
            let count = Int.random(in: 900...20_000, using: &random)
            let points = (0..<count).map { index in
                PlotLine.Point(
                    at: UInt64(index), value: random.chance(20) ? nil : Double.random(in: 0...1e9, using: &random))
            }
            let line = PlotLine(style: .guestFree, points: points)
            let reduced = line.reduced(to: 1000)
            #expect(reduced.points.count <= 1000)
            #expect(reduced.maximum == line.maximum)
            #expect(reduced.points.compactMap(\.value).min() == points.compactMap(\.value).min())
            #expect(reduced.points.first?.at == 0 || points[0].value == nil || reduced.points.count == count)
            let times = reduced.points.map(\.at)
            #expect(times == times.sorted() && Set(times).count == times.count)
            #expect(reduced.points.allSatisfy { points[Int($0.at)] == $0 })
        }
    }

    @Test func reductionKeepsALongGap() {
        let points = (0..<5000).map { PlotLine.Point(at: $0, value: (2000..<3000).contains($0) ? nil : 1) }
        let reduced = PlotLine(style: .plugged, points: points).reduced(to: 100)
        #expect(reduced.points.contains { $0.value == nil })
        #expect(!reduced.points.contains { (2000..<3000).contains($0.at) && $0.value != nil })
    }

    // MARK: Lines

    private func testCase(_ samples: [MemorySample], devices: [String] = ["vm0"]) -> CaseReport {
        CaseReport(scenario: "a", file: "", seed: 0, milliseconds: 734, devices: devices, samples: samples)
    }

    private func read(_ plot: MemoryPlot) -> MarkupReader {
        MarkupReader("<!DOCTYPE html>\n" + PlotDrawing(plot, id: "p").svg.text, isHTML: true)
    }

    /// What is drawn of a line: the plot has a unit of width per millisecond here.
    private func path(_ style: PlotLine.Style, _ testCase: CaseReport) throws -> String {
        let plot = try #require(MemoryPlot.plots(of: testCase).first)
        return try #require(read(plot).all("path", "line \(style.rawValue)").first?.attributes["d"])
    }

    private func sample(_ at: UInt64, _ size: UInt64?) -> MemorySample {
        MemorySample(
            at: at, devices: size.map { [.init(requested: $0, plugged: $0, usable: 16)] } ?? [], guestFree: size)
    }

    @Test func setSizesHoldUntilTheNextSample() throws {
        let testCase = testCase([sample(0, 16), sample(100, 16), sample(200, 8), sample(734, 8)])
        #expect(try path(.plugged, testCase) == "M52 8H252V128H786")
        #expect(try path(.guestFree, testCase) == "M52 8H152L252 128H786H786")
    }

    @Test func missingValuesAreGaps() throws {
        let testCase = testCase([
            sample(0, 16), sample(100, nil), sample(200, 8), sample(300, nil), sample(400, 16), sample(500, 0),
        ])
        #expect(try path(.plugged, testCase) == "M52 8H152M252 128H352M452 8H552V248H552")
        #expect(try path(.guestFree, testCase) == "M52 8H52M252 128H252M452 8L552 248H552")
    }

    @Test func onlyLinesWithValuesAreDrawn() throws {
        let plot = try #require(MemoryPlot.plots(of: testCase([sample(0, 16)])).first)
        #expect(plot.lines.map(\.style) == [.usable, .guestFree, .plugged, .requested])
        #expect(MemoryPlot.plots(of: testCase([])).isEmpty)
        #expect(MemoryPlot.plots(of: testCase([sample(0, nil)])).isEmpty)
    }

    @Test func severalDevicesHaveAPlotEachAndTheirSum() {
        let samples = (0..<5).map { SampleReport.sample(at: $0 * 100, size: 1 << 30, devices: 2) }
        let plots = MemoryPlot.plots(of: testCase(samples, devices: ["vm0", "vm1"]))
        #expect(plots.map(\.title) == ["Memory of the machine", "Memory device vm0", "Memory device vm1"])
        #expect(
            plots.map { $0.lines.first { $0.style == .plugged }?.maximum } == [2.0, 1, 1].map { $0 * 1_073_741_824 })
        #expect(Set(plots.map(\.end)).count == 1)
        #expect(plots[1].lines.map(\.style) == [.usable, .plugged, .requested])
        // Sums do not overflow.
        let greatest = MemorySample.Device(requested: .max, plugged: .max, usable: .max)
        let large = MemoryPlot.plots(
            of: testCase([MemorySample(at: .max, devices: [greatest, greatest])], devices: ["a", "b"]))
        #expect(read(large[0]).problems == [])
    }

    // MARK: Steps and failure

    @Test func stepsAndTheFailureAreMarked() throws {
        var testCase = SampleReport.testCase(outcome: SampleReport.failed(at: 900))
        testCase.steps.append(StepReport(number: "3", text: "never", line: 1, outcome: .skipped))
        let svg = read(try #require(MemoryPlot.plots(of: testCase).first))
        #expect(svg.problems == [])
        #expect(svg.all("text", "number").map(\.text) == ["1", "2"])
        #expect(svg.all("path", "step").count == 2)
        #expect(svg.all("path", "failure").count == 1)
        #expect(svg.all("text", "failure-text before").map(\.text) == ["failed at 900 ms"])
        testCase.outcome = .passed
        #expect(read(try #require(MemoryPlot.plots(of: testCase).first)).all("path", "failure").isEmpty)
    }

    @Test func manyStepsStayReadable() throws {
        var testCase = SampleReport.testCase()
        testCase.milliseconds = 10_000
        testCase.steps = (0..<500).map {
            StepReport(
                number: $0 % 50 == 0 ? "\($0 / 50 + 1)" : "\($0 / 50 + 1).\($0 % 50)", text: "", line: 1, begun: $0 * 20
            )
        }
        let svg = read(try #require(MemoryPlot.plots(of: testCase).first))
        let numbers = svg.all("text", "number").map(\.text)
        #expect(Array(numbers.prefix(10)) == (1...10).map { "\($0)" })
        #expect(svg.all("path", "step inner").count < 60)
        let places = svg.all("text", "number").map { "\($0.attributes["x"] ?? "") \($0.attributes["y"] ?? "")" }
        #expect(Set(places).count == places.count)
    }
}
