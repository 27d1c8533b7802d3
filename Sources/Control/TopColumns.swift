/// How the columns of `swiftlet top` share the width of a terminal.
struct TopColumns: Sendable {
    private let nameWidth: Int
    private let statusWidth: Int
    /// Bars behind what is requested, plugged and resident; 0 for none.
    private let bars: [Int]

    private static let titles = ["REQUESTED", "PLUGGED", "RESIDENT"]
    private static let gap = 2
    /// Of a size, right-aligned.
    private static let sizeWidth = 6
    /// Sparklines that are shorter tell little.
    private static let leastBars = 6
    /// `no answer`, and where there is room for it, `guest-panicked`.
    private static let statusWidths = (narrow: 9, wide: 14, from: 100)

    /// - Parameter names: what the first column shows.
    init(columns: Int, names: [String]) {
        let longest = names.map(TerminalText.width).max() ?? 0
        nameWidth = min(longest, max(8, columns / 5))
        statusWidth = columns >= Self.statusWidths.from ? Self.statusWidths.wide : Self.statusWidths.narrow
        let room = columns - nameWidth - Self.gap - statusWidth
        let all = min(Trace.length, room / 3 - Self.gap - Self.sizeWidth - 1)
        if all >= Self.leastBars {
            bars = [all, all, all]
        } else {
            // What is plugged is what changes.
            let left = room - 3 * Self.gap - Self.titles[0].count - Self.titles[2].count - Self.sizeWidth - 1
            bars = [0, left >= Self.leastBars ? min(Trace.length, left) : 0, 0]
        }
    }

    func heading(_ text: TerminalText) -> String {
        line("NAME", "STATUS", Self.titles, text)
    }

    func line(_ row: TopRow, _ text: TerminalText, _ sparkline: Sparkline) -> String {
        let memory = row.memory
        // Bars of the first two compare with each other.
        let most = max(memory.requested.most, memory.plugged.most)
        let traces = [(memory.requested, most), (memory.plugged, most), (memory.resident, memory.resident.most)]
        let cells = zip(traces, bars).map { trace, bars in
            let size = trace.0.latest.map(ShortSize.text) ?? "-"
            let cell = String(repeating: " ", count: max(0, Self.sizeWidth - size.count)) + size
            return bars == 0 ? cell : cell + " " + sparkline.text(trace.0, columns: bars, most: trace.1)
        }
        return line(row.name, row.status, row.isDevice ? cells.dropLast() : cells, text)
    }

    private func line(_ name: String, _ status: String, _ cells: [String], _ text: TerminalText) -> String {
        var line = text.fitted(name, nameWidth) + gap + text.fitted(status, statusWidth)
        for (index, cell) in cells.enumerated() {
            let size = bars[index] == 0 ? Self.sizeWidth : Self.sizeWidth + 1 + bars[index]
            line += gap + text.fitted(cell, max(Self.titles[index].count, size))
        }
        return line
    }

    private var gap: String { String(repeating: " ", count: Self.gap) }
}
