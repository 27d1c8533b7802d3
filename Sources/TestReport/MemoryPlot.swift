/// A picture of memory over time: of a case's machine, or of one of its devices.
struct MemoryPlot: Sendable {
    /// A step that began.
    struct Mark: Sendable, Equatable {
        var number: String
        var text: String
        var at: UInt64

        /// How deep it lies within other steps.
        var depth: Int { number.utf8.count { $0 == UInt8(ascii: ".") } }
    }

    var title: String
    var lines: [PlotLine]
    var marks: [Mark]
    var failure: UInt64?
    /// Until when, in milliseconds.
    var end: UInt64
    /// Whether it stands beneath another with the same marks: it is lower, and does not number them again.
    var isSecondary = false

    /// The picture of the machine and, where it has several memory devices, one of each of them; none where no sample has
    /// anything to show.
    static func plots(of testCase: CaseReport) -> [MemoryPlot] {
        let machine = plot(
            testCase, "Memory of the machine",
            devicesLines(testCase.samples, total) + [
                line(.resident, testCase.samples, \.resident), line(.guestTotal, testCase.samples, \.guestTotal),
                line(.guestFree, testCase.samples, \.guestFree),
            ])
        var plots = [machine]
        if testCase.devices.count > 1 {
            for (index, name) in testCase.devices.enumerated() {
                var device = plot(
                    testCase, "Memory device \(name)",
                    devicesLines(testCase.samples) { sample, size in
                        sample.devices.indices.contains(index) ? Double(sample.devices[index][keyPath: size]) : nil
                    })
                device.isSecondary = true
                plots.append(device)
            }
        }
        return plots.filter { !$0.lines.isEmpty }
    }

    private static func plot(_ testCase: CaseReport, _ title: String, _ lines: [PlotLine]) -> MemoryPlot {
        let shown = lines.filter { !$0.isEmpty }.map { $0.reduced() }
        // Later ones are drawn above the earlier.
        let order = PlotLine.Style.allCases
        return MemoryPlot(
            title: title,
            lines: shown.sorted { order.firstIndex(of: $0.style) ?? 0 < order.firstIndex(of: $1.style) ?? 0 },
            marks: testCase.steps.filter { $0.outcome != .skipped }.map {
                Mark(number: $0.number, text: $0.text, at: $0.begun)
            },
            failure: testCase.failure?.at, end: testCase.end)
    }

    /// All devices together; nil where the machine did not answer. As a floating-point number, a sum cannot overflow.
    private static func total(_ sample: MemorySample, _ size: KeyPath<MemorySample.Device, UInt64>) -> Double? {
        sample.devices.isEmpty ? nil : sample.devices.reduce(0.0) { $0 + Double($1[keyPath: size]) }
    }

    private static func devicesLines(
        _ samples: [MemorySample], _ value: (MemorySample, KeyPath<MemorySample.Device, UInt64>) -> Double?
    ) -> [PlotLine] {
        let sizes: [(PlotLine.Style, KeyPath<MemorySample.Device, UInt64>)] = [
            (.requested, \.requested), (.plugged, \.plugged), (.usable, \.usable),
        ]
        return sizes.map { style, size in
            PlotLine(style: style, points: samples.map { PlotLine.Point(at: $0.at, value: value($0, size)) })
        }
    }

    private static func line(
        _ style: PlotLine.Style, _ samples: [MemorySample], _ value: KeyPath<MemorySample, UInt64?>
    ) -> PlotLine {
        PlotLine(style: style, points: samples.map { .init(at: $0.at, value: $0[keyPath: value].map { Double($0) }) })
    }
}
