/// A plot as SVG within HTML; `HTMLReport.plotStyle` colours it.
struct PlotDrawing {
    private static let width = 800.0
    private static let left = 52.0
    private static let right = 14.0
    private static let bottom = 34.0
    private static let labelRows = 3
    private static let rowHeight = 13.0

    /// A step's line and, in one of the rows above the plot, its number.
    private struct PlacedMark {
        var mark: MemoryPlot.Mark
        var x: Double
        /// nil where there is no room for the number.
        var row: Int?
    }

    private let plot: MemoryPlot
    /// A name that no other element of the page has.
    private let id: String
    private let time: PlotAxis
    private let bytes: PlotAxis
    private let marks: [PlacedMark]
    private let top: Double
    /// The height where 0 bytes are.
    private let floor: Double

    init(_ plot: MemoryPlot, id: String) {
        self.plot = plot
        self.id = id
        let time = PlotAxis.time(upTo: plot.end)
        self.time = time
        bytes = PlotAxis.bytes(upTo: plot.lines.map(\.maximum).max() ?? 0)
        marks = Self.placed(plot, time)
        let rows = (marks.compactMap(\.row).max() ?? -1) + 1
        top = 8 + Double(rows) * Self.rowHeight
        floor = top + (plot.isSecondary ? 110 : 240)
    }

    /// Outer steps come first. One that would begin on another's line has none of its own, nor has one within a step that
    /// would begin close to it: hundreds of lines would cover what they are to explain.
    private static func placed(_ plot: MemoryPlot, _ time: PlotAxis) -> [PlacedMark] {
        var labels = PlotLabels(rows: labelRows)
        var drawn: [Double] = []
        let inOrder = plot.marks.enumerated().sorted {
            ($0.element.depth, $0.offset) < ($1.element.depth, $1.offset)
        }
        return inOrder.compactMap { _, mark in
            let place = x(Double(mark.at), time)
            let distance = drawn.map { abs($0 - place) }.min() ?? .infinity
            // Just at another's beginning there is room for the number, above the other.
            guard distance >= (mark.depth == 0 ? 1.5 : 14) || distance < 0.5 else { return nil }
            let row = plot.isSecondary ? nil : labels.place(mark.number, at: place)
            guard distance >= 1.5 || row != nil else { return nil }
            drawn.append(place)
            return PlacedMark(mark: mark, x: place, row: row)
        }
    }

    var svg: Markup {
        """
        <svg viewBox="0 0 \(number(Self.width)) \(number(floor + Self.bottom))" role="img" \
        aria-labelledby="\(id)-t \(id)-d">
        <title id="\(id)-t">\(plot.title) over time</title>
        <desc id="\(id)-d">\(summary)</desc>
        \(grid)\(marks.map(step))\(plot.lines.map(path))\(failureMark)</svg>

        """
    }

    /// The picture in words, for who does not see it.
    private var summary: String {
        let parts = plot.lines.reversed().map { line in
            let values = line.points.compactMap(\.value)
            return "\(line.style.label) from \(ReportFormat.size(values.first ?? 0))"
                + " to \(ReportFormat.size(values.last ?? 0)), at most \(ReportFormat.size(line.maximum))"
        }
        return parts.joined(separator: "; ") + "."
    }

    private func number(_ value: Double) -> String {
        ReportFormat.trimmed(ReportFormat.decimal(value, places: 1))
    }

    private static func x(_ milliseconds: Double, _ axis: PlotAxis) -> Double {
        left + milliseconds / axis.maximum * (width - left - right)
    }

    private func x(_ milliseconds: Double) -> Double {
        Self.x(milliseconds, time)
    }

    private func y(_ size: Double) -> Double {
        floor - size / bytes.maximum * (floor - top)
    }

    // MARK: Axes

    private var grid: Markup {
        let end = number(Self.width - Self.right)
        let rows: [Markup] = bytes.ticks.map { tick in
            let height = number(y(tick))
            return """
                <path class="\(tick == 0 ? "axis" : "grid")" d="M\(number(Self.left)) \(height)H\(end)"/>\
                <text class="size" x="\(number(Self.left - 6))" y="\(height)" dy=".35em">\(ReportFormat.size(tick))</text>

                """
        }
        let columns: [Markup] = time.ticks.map { tick in
            let place = number(x(tick))
            return """
                <path class="axis" d="M\(place) \(number(floor))v4"/>\
                <text class="time" x="\(place)" y="\(number(floor + 16))">\(seconds(tick))</text>

                """
        }
        let middle = number((Self.left + Self.width - Self.right) / 2)
        let name: Markup = "<text class=\"time\" x=\"\(middle)\" y=\"\(number(floor + 30))\">seconds</text>\n"
        return "\(rows)\(columns)\(name)"
    }

    private func seconds(_ tick: Double) -> String {
        ReportFormat.trimmed(ReportFormat.decimal(tick / 1000, places: time.maximum < 100 ? 3 : 2))
    }

    // MARK: Steps and failure

    private func step(_ placed: PlacedMark) -> Markup {
        let x = number(placed.x)
        let number = placed.mark.number
        let text: Markup =
            placed.row.map { row in
                let base = top - 5 - Double(row) * Self.rowHeight
                return "<text class=\"number\" x=\"\(x)\" y=\"\(self.number(base))\">\(number)</text>"
            } ?? ""
        return """
            <g><title>\(number) \(placed.mark.text)</title>\
            <path class="step\(placed.mark.depth > 0 ? " inner" : "")" \
            d="M\(x) \(self.number(top))V\(self.number(floor))"/>\(text)</g>

            """
    }

    private var failureMark: Markup {
        guard let failure = plot.failure else { return "" }
        let place = x(Double(failure))
        let isRight = place > Self.width * 0.75
        let text = "failed at \(ReportFormat.duration(milliseconds: failure))"
        let label: Markup = """
            <text class="failure-text\(isRight ? " before" : "")" x="\(number(place + (isRight ? -5 : 5)))" \
            y="\(number(top + 11))">\(text)</text>
            """
        return """
            <g><title>\(text)</title>\
            <path class="failure" d="M\(number(place)) \(number(top))V\(number(floor))"/>\(plot.isSecondary ? "" : label)</g>

            """
    }

    // MARK: Lines

    private func path(_ line: PlotLine) -> Markup {
        var data = ""
        // Where the pen is; nil in a gap.
        var pen: (x: String, y: String)?
        for point in line.points {
            let x = number(x(Double(point.at)))
            guard let value = point.value else {
                // What holds until the next sample holds until the gap.
                if pen != nil, line.style.isStepped { data += "H" + x } else if let pen { data += "H" + pen.x }
                pen = nil
                continue
            }
            let y = number(y(value))
            if let pen {
                if line.style.isStepped {
                    if pen.y != y { data += "H\(x)V\(y)" }
                } else {
                    data += pen.y == y ? "H\(x)" : "L\(x) \(y)"
                }
            } else {
                data += "M\(x) \(y)"
            }
            pen = (x, y)
        }
        // To the last sample; where it stands alone, the line is a point, which round ends make visible.
        if let pen { data += "H" + pen.x }
        return "<path class=\"line \(line.style.rawValue)\" d=\"\(data)\"/>\n"
    }
}
